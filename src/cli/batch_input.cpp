#include "cli/batch_input.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "base/file.h"
#include "base/utf8.h"
#include "cli/interrupt.h"
#include "cli/json_line.h"
#include "cli/suggest.h"

namespace r1 {
namespace {

std::string shown(const OrderedJson& value) {
  const std::string text = compact(value);
  constexpr size_t kMost = 57;
  if (text.size() <= kMost + 3) return text;
  const std::string begin = text.substr(0, kMost);
  return begin.substr(0, kMost - incomplete_utf8_tail(begin)) + "...";
}

}  // namespace

void BatchLine::wrong(std::string_view field, const std::string& expected) const {
  const std::string name(field);
  if (!object_.contains(name)) fail(Exit::kUsage, "{}: field '{}' is missing, expected {}", where_, name, expected);
  fail(Exit::kUsage, "{}: field '{}' is {}, expected {}", where_, name, shown(object_[name]), expected);
}

std::string BatchLine::id() const {
  if (!object_.contains("id") || !(object_["id"].is_string() || object_["id"].is_number_integer()))
    wrong("id", "a string or a whole number");
  return compact(object_["id"]);
}

void BatchLine::only(const std::vector<std::string>& known) const {
  for (const auto& [key, value] : object_.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    fail(Exit::kUsage, "{}: unknown field '{}'{}, expected one of {}", where_, key, did_you_mean(key, known),
         fmt::join(known, ", "));
  }
}

std::string BatchLine::one_of(const std::vector<std::string>& fields) const {
  std::vector<std::string> found;
  std::copy_if(fields.begin(), fields.end(), std::back_inserter(found),
               [&](const std::string& field) { return has(field); });
  if (found.size() == 1) return found[0];
  fail(Exit::kUsage, "{}: found {}, expected exactly one of the fields {}", where_,
       found.empty() ? "none" : fmt::format("{}", fmt::join(found, " and ")), fmt::join(fields, ", "));
}

std::string BatchLine::text(std::string_view field) const {
  if (!has(field) || !this->field(field).is_string()) wrong(field, "a string");
  return this->field(field).get<std::string>();
}

std::optional<double> BatchLine::number(std::string_view field, double low, double high) const {
  if (!has(field) || this->field(field).is_null()) return std::nullopt;
  const std::string expected =
      std::isinf(high) ? fmt::format("a number from {} on", low) : fmt::format("a number from {} to {}", low, high);
  if (!this->field(field).is_number()) wrong(field, expected);
  const double value = this->field(field).get<double>();
  if (!(value >= low && value <= high)) wrong(field, expected);
  return value;
}

std::optional<int64_t> BatchLine::whole(std::string_view field, int64_t low, int64_t high) const {
  if (!has(field) || this->field(field).is_null()) return std::nullopt;
  const std::string expected = fmt::format("a whole number from {} to {}", low, high);
  const OrderedJson& value = this->field(field);
  if (!value.is_number_integer() || (value.is_number_unsigned() && value.get<uint64_t>() > uint64_t{INT64_MAX}))
    wrong(field, expected);
  const int64_t number = value.get<int64_t>();
  if (number < low || number > high) wrong(field, expected);
  return number;
}

std::optional<uint64_t> BatchLine::seed(std::string_view field) const {
  if (!has(field) || this->field(field).is_null()) return std::nullopt;
  if (!this->field(field).is_number_unsigned()) wrong(field, "a whole number from 0 to 2^64 - 1");
  return this->field(field).get<uint64_t>();
}

std::optional<bool> BatchLine::flag(std::string_view field) const {
  if (!has(field) || this->field(field).is_null()) return std::nullopt;
  if (!this->field(field).is_boolean()) wrong(field, "true or false");
  return this->field(field).get<bool>();
}

std::vector<int32_t> BatchLine::ids(std::string_view field, int64_t vocabulary) const {
  const std::string expected = fmt::format("a list of token ids from 0 to {}", vocabulary - 1);
  if (!has(field) || !this->field(field).is_array() || this->field(field).empty())
    wrong(field, expected + ", at least one");
  std::vector<int32_t> ids;
  ids.reserve(this->field(field).size());
  for (const OrderedJson& id : this->field(field)) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() >= vocabulary) {
      fail(Exit::kUsage, "{}: field '{}' has the entry {} at index {}, expected {}", where_, field, shown(id),
           ids.size(), expected);
    }
    ids.push_back(id.get<int32_t>());
  }
  return ids;
}

std::vector<std::string> BatchLine::texts(std::string_view field) const {
  if (!has(field) || this->field(field).is_null()) return {};
  const OrderedJson& value = this->field(field);
  if (value.is_string()) return {value.get<std::string>()};
  std::vector<std::string> texts;
  if (!value.is_array()) wrong(field, "a string or a list of strings");
  for (const OrderedJson& text : value) {
    if (!text.is_string()) wrong(field, "a string or a list of strings");
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

std::string read_input(const std::string& path) {
  const EndAtOnce nothing_to_lose;
  return read_file(path == "-" ? "/dev/stdin" : path, size_t{1} << 36);
}

void read_batch(const std::string& path, const std::function<void(const BatchLine&)>& take) {
  const EndAtOnce nothing_to_lose;
  std::unordered_map<std::string, int64_t> lines_of_ids;
  for (Lines lines(path); lines.next();) {
    if (lines.text().find_first_not_of(" \t\r") == std::string_view::npos) continue;
    OrderedJson object = parse_ordered_json(lines.text(), lines.place(), {}, Exit::kUsage);
    if (!object.is_object()) fail(Exit::kUsage, "{}: found {}, expected a JSON object", lines.place(), shown(object));
    const BatchLine line(std::move(object), lines.place());
    const auto [known, fresh] = lines_of_ids.emplace(line.id(), lines.number());
    if (!fresh) {
      fail(Exit::kUsage, "{}: id {} is already that of line {}; ids must differ", lines.place(), line.id(),
           known->second);
    }
    take(line);
  }
}

}  // namespace r1
