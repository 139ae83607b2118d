#include "cli/batch_output.h"

#include <filesystem>

#include "base/file.h"
#include "cli/json_line.h"
#include "cli/progress.h"
#include "cli/terminal.h"

namespace r1 {

namespace fs = std::filesystem;

void check_not_same_file(const std::string& in, const std::string& out) {
  const fs::path input = in == "-" ? "/dev/stdin" : in, output = out == "-" ? "/dev/stdout" : out;
  std::error_code ignored;  // one that is not there is no other's name
  if (!fs::is_regular_file(input, ignored) || !fs::equivalent(input, output, ignored)) return;
  throw Error(fmt::format("--in and --out are the same file, {}", out == "-" ? in : out), Exit::kUsage,
              "name another --out");
}

BatchOutput::BatchOutput(const std::string& path, Format format, bool ordered,
                         const std::function<void(const OrderedJson&)>& kept)
    : path_(path), format_(std::move(format)), ordered_(ordered) {
  if (path != "-" && fs::is_regular_file(path)) resume(kept);
}

void BatchOutput::open() {
  if (path_ == "-") return;
  if (whole_ < size_) {
    note(fmt::format("{}: a torn last line is removed", path_));
    fs::resize_file(path_, whole_);
  }
  file_ = std::make_unique<Output>(fs::path(path_));
}

void BatchOutput::stranger(const std::string& where, const std::string& why) const {
  throw Error(
      fmt::format("{}: {}: this file was not written by 'r1 {}' and is not continued", where, why, format_.verb),
      Exit::kUsage, "name another --out, or remove the file");
}

OrderedJson BatchOutput::line_of_ours(std::string_view text, const std::string& where) const {
  OrderedJson line;
  try {
    line = parse_ordered_json(text, where);
  } catch (const Error&) {
    stranger(where, "not valid JSON");
  }
  if (!line.is_object() || !line.contains("id")) stranger(where, "no object with an id");
  for (const std::string& field : format_.fields) {
    if (!line.contains(field)) stranger(where, fmt::format("no field '{}'", field));
  }
  return line;
}

void BatchOutput::resume(const std::function<void(const OrderedJson&)>& kept) {
  const MappedFile file(path_);
  const std::string_view text = file.text();
  size_ = text.size();
  size_t number = 0;
  for (size_t end; (end = text.find('\n', whole_)) != text.npos; whole_ = end + 1) {
    const OrderedJson line =
        line_of_ours(text.substr(whole_, end - whole_), fmt::format("{} line {}", path_, ++number));
    done_.insert(compact(line["id"]));
    if (kept) kept(line);
  }
  // What has no end was cut as we wrote it, if it begins as our lines do. Somebody's text without a last newline is
  // not ours to remove.
  constexpr std::string_view kBegin = "{\"id\":";
  const std::string_view torn = text.substr(whole_);
  if (torn.substr(0, kBegin.size()) != kBegin.substr(0, torn.size()))
    stranger(fmt::format("{} line {}", path_, number + 1), "an unfinished line that begins otherwise than ours");
  if (!done_.empty())
    note(fmt::format("{}: continued after {}", path_, count_text(static_cast<int64_t>(done_.size()), "line")));
}

void BatchOutput::write(const std::string& line) {
  Output& output = file_ != nullptr ? *file_ : standard_output();
  output.write(line + "\n");
  output.flush();
}

void BatchOutput::put(size_t number, std::string line) {
  if (!ordered_) return write(line);
  waiting_.emplace(number, std::move(line));
  for (auto first = waiting_.begin(); first != waiting_.end() && first->first == next_;
       first = waiting_.erase(first), ++next_)
    write(first->second);
}

void BatchOutput::close() {
  if (file_ != nullptr) {
    file_->close();
  } else {
    standard_output().flush();
  }
}

}  // namespace r1
