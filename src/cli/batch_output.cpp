#include "cli/batch_output.h"

#include <filesystem>

#include "base/file.h"
#include "cli/json_line.h"
#include "cli/terminal.h"

namespace r1 {

BatchOutput::BatchOutput(const std::string& path, bool ordered, const std::function<void(const OrderedJson&)>& kept)
    : path_(path), ordered_(ordered) {
  if (path != "-" && std::filesystem::is_regular_file(path)) resume(path, kept);
}

void BatchOutput::open() {
  if (path_ != "-") file_ = std::make_unique<Output>(std::filesystem::path(path_));
}

void BatchOutput::resume(const std::string& path, const std::function<void(const OrderedJson&)>& kept) {
  const MappedFile file(path);
  const std::string_view text = file.text();
  size_t number = 0, whole = 0;
  while (whole < text.size()) {
    const size_t end = text.find('\n', whole);
    if (end == std::string_view::npos) break;  // torn: a run was killed while it wrote this
    const std::string where = fmt::format("{} line {}", path, ++number);
    const auto stranger = [&](const std::string& why) {
      throw Error(fmt::format("{}: {}: this file was not written by this verb and is not continued", where, why),
                  Exit::kUsage, "name another --out, or remove the file");
    };
    try {
      const OrderedJson line = parse_ordered_json(text.substr(whole, end - whole), where);
      if (!line.is_object() || !line.contains("id")) stranger("no object with an id");
      done_.insert(compact(line["id"]));
      if (kept) kept(line);
    } catch (const Error& error) {
      if (error.exit() == Exit::kUsage) throw;
      stranger("not valid JSON");
    }
    whole = end + 1;
  }
  if (whole < text.size()) {
    note(fmt::format("{}: a torn last line is removed", path));
    std::filesystem::resize_file(path, whole);
  }
  if (!done_.empty()) note(fmt::format("{}: continued after {} lines", path, done_.size()));
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
