// Batch input: the lines of a JSONL file, checked whole before anything runs.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace r1 {

// One line as an object whose fields are asked for one by one. Errors name file, line, field, what was found and what
// was expected.
class BatchLine {
 public:
  BatchLine(OrderedJson object, std::string where) : object_(std::move(object)), where_(std::move(where)) {}

  const std::string& where() const { return where_; }  // "prompts.jsonl line 3"
  std::string id() const;                              // as JSON: "\"a\"" or "7"
  bool has(std::string_view field) const { return object_.contains(field); }
  const OrderedJson& field(std::string_view name) const { return object_[std::string(name)]; }
  void only(const std::vector<std::string>& known) const;  // Error for a field that is not among them
  // The one of these fields that is there; Error if none or several.
  std::string one_of(const std::vector<std::string>& fields) const;

  std::string text(std::string_view field) const;
  std::optional<double> number(std::string_view field, double low, double high) const;
  std::optional<int64_t> whole(std::string_view field, int64_t low, int64_t high) const;
  std::optional<uint64_t> seed(std::string_view field) const;
  std::optional<bool> flag(std::string_view field) const;
  std::vector<int32_t> ids(std::string_view field, int64_t vocabulary) const;  // at least one; each below `vocabulary`
  std::vector<std::string> texts(std::string_view field) const;  // one text or a list of them; empty if absent

  [[noreturn]] void wrong(std::string_view field, const std::string& expected) const;

 private:
  OrderedJson object_;
  std::string where_;
};

// Reads `path` ("-": standard input to its end) and calls `take` for every line that is not blank. Ids are strings or
// whole numbers and may not come twice.
void read_batch(const std::string& path, const std::function<void(const BatchLine&)>& take);

// The same bytes without a meaning: "-" or a file.
std::string read_input(const std::string& path);

}  // namespace r1
