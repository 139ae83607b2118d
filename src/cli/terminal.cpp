#include "cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

#include "base/log.h"

namespace r1 {
namespace {

TerminalSettings settings;

bool set_and_not_empty(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

bool dumb() {
  const char* term = std::getenv("TERM");
  return term == nullptr || std::string_view(term) == "dumb" || *term == '\0';
}

}  // namespace

void set_terminal(const TerminalSettings& chosen) {
  settings = chosen;
  set_log_level(chosen.verbosity);
}

int verbosity() { return settings.verbosity; }

bool is_terminal(int descriptor) { return ::isatty(descriptor) == 1; }

bool colours(int descriptor) {
  if (settings.colour != Colour::Auto) return settings.colour == Colour::Always;
  const char* force = std::getenv("CLICOLOR_FORCE");
  if (set_and_not_empty("NO_COLOR")) return false;
  if (force != nullptr && std::string_view(force) == "1") return true;
  return moves_cursor(descriptor);
}

bool moves_cursor(int descriptor) { return is_terminal(descriptor) && !dumb(); }

int terminal_width(int descriptor) {
  winsize size = {};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

std::string_view style_code(Style style) {
  switch (style) {
    case Style::Plain:
      return "\x1b[0m";
    case Style::Dim:
      return "\x1b[2m";
    case Style::Bold:
      return "\x1b[1m";
    case Style::Red:
      return "\x1b[1;31m";
    case Style::Yellow:
      return "\x1b[33m";
    case Style::Green:
      return "\x1b[32m";
    case Style::Cyan:
      return "\x1b[36m";
  }
  return "";
}

std::string styled(int descriptor, Style style, std::string_view text) {
  if (!colours(descriptor) || text.empty()) return std::string(text);
  return fmt::format("{}{}{}", style_code(style), text, style_code(Style::Plain));
}

void say(std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(STDERR_FILENO, text.data(), text.size());
    if (put <= 0) return;
    text.remove_prefix(static_cast<size_t>(put));
  }
}

void note(const std::string& sentence) {
  if (settings.verbosity >= 0) say(fmt::format("r1: {} {}\n", styled(STDERR_FILENO, Style::Cyan, "note:"), sentence));
}

void warn(const std::string& sentence) {
  if (settings.verbosity >= 0)
    say(fmt::format("r1: {} {}\n", styled(STDERR_FILENO, Style::Yellow, "warning:"), sentence));
}

std::string printable(std::string_view text) {
  std::string kept;
  kept.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 ? byte != 0x7f : (c == '\n' || c == '\t')) kept += c;
  }
  return kept;
}

}  // namespace r1
