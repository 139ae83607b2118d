#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "cli/terminal.h"

namespace r1 {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kRedraw = std::chrono::milliseconds(100);
constexpr auto kPlainLine = std::chrono::seconds(10);

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

}  // namespace

std::string bytes_text(double bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  while (bytes >= 1024 && unit < 4) {
    bytes /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", bytes)
                   : fmt::format("{:.{}f} {}", bytes, bytes < 10 ? 2 : 1, kUnits[unit]);
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<int64_t>(std::llround(std::min(seconds, 1e9)));
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

Progress::Progress(std::string name, Unit unit, uint64_t total, std::string noun)
    : name_(std::move(name)),
      noun_(std::move(noun)),
      unit_(unit),
      total_(total),
      bar_(moves_cursor(STDERR_FILENO)),
      silent_(verbosity() < 0),
      begin_(Clock::now()),
      last_(begin_) {
  if (bar_) last_ -= kRedraw;  // the first update is drawn at once
}

double Progress::seconds() const { return seconds_since(begin_); }

void Progress::already(uint64_t done) { before_ = done_ = done; }

void Progress::update(uint64_t done, uint64_t total) {
  done_ = done;
  total_ = total;
  if (silent_) return;
  const auto now = Clock::now();
  if (now - last_ < (bar_ ? Clock::duration(kRedraw) : Clock::duration(kPlainLine))) return;
  last_ = now;
  if (bar_) {
    draw();
  } else {
    say(fmt::format("r1: {}\n", line(0)));
  }
}

std::string Progress::amount(uint64_t value) const {
  return unit_ == Unit::Bytes ? bytes_text(static_cast<double>(value)) : std::to_string(value);
}

// "loading  42 % [#####......]  120.0 MiB / 285.0 MiB, 96.1 MiB/s, 0:02 left"; without the bar for width 0.
std::string Progress::line(int width) const {
  const double part = total_ > 0 ? std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_)) : 0;
  const double elapsed = seconds();
  // The first moments tell nothing of the rate.
  const double rate = elapsed > 0.2 ? static_cast<double>(done_ - std::min(done_, before_)) / elapsed : 0;
  std::string numbers = fmt::format("{} / {}{}", amount(done_), amount(total_), noun_.empty() ? "" : " " + noun_);
  if (rate > 0) {
    numbers += unit_ == Unit::Bytes ? fmt::format(", {}/s", bytes_text(rate))
                                    : fmt::format(", {:.{}f}/s", rate, rate < 10 ? 2 : 1);
    if (done_ < total_) numbers += fmt::format(", {} left", duration_text(static_cast<double>(total_ - done_) / rate));
  }
  if (!remark_.empty()) numbers += ", " + remark_;
  const std::string head = fmt::format("{} {:3.0f} %", name_, std::floor(part * 100));
  const int room = width - static_cast<int>(head.size() + numbers.size()) - 6;
  if (room < 10) return head + "  " + numbers;
  const int cells = std::min(room, 40), full = static_cast<int>(part * cells);
  return fmt::format("{} [{}{}] {}", head, std::string(static_cast<size_t>(full), '#'),
                     std::string(static_cast<size_t>(cells - full), '.'), numbers);
}

void Progress::draw() {
  clear();
  const int width = std::max(20, terminal_width(STDERR_FILENO)) - 1;
  std::string text = line(width);
  if (static_cast<int>(text.size()) > width) text.resize(static_cast<size_t>(width));
  say(text);
  drawn_ = static_cast<int>(text.size());
}

void Progress::clear() {
  if (drawn_ == 0) return;
  // A window that became narrower has folded the bar into several rows: go up to the first of them.
  const int rows = (drawn_ - 1) / std::max(1, terminal_width(STDERR_FILENO));
  say(rows > 0 ? fmt::format("\r\x1b[{}A\x1b[J", rows) : std::string("\r\x1b[J"));
  drawn_ = 0;
}

void Progress::finish() { clear(); }

std::string count_text(int64_t count, const std::string& noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace r1
