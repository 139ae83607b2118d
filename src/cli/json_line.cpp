#include "cli/json_line.h"

#include <cmath>

namespace r1 {

std::string compact(const OrderedJson& value) {
  return value.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

std::string float_text(double value) { return std::isfinite(value) ? fmt::format("{:.9g}", value) : "null"; }

void JsonLine::key(std::string_view name) {
  if (text_.size() > 1) text_ += ",";
  text_ += compact(std::string(name)) + ":";
}

JsonLine& JsonLine::add(std::string_view name, const OrderedJson& value) { return add_text(name, compact(value)); }

JsonLine& JsonLine::add_text(std::string_view name, std::string_view json) {
  key(name);
  text_ += json;
  return *this;
}

JsonLine& JsonLine::add_ids(std::string_view name, std::span<const int32_t> ids) {
  return add_text(name, fmt::format("[{}]", fmt::join(ids, ",")));
}

JsonLine& JsonLine::add_floats(std::string_view name, std::span<const float> values) {
  key(name);
  text_ += '[';
  for (size_t i = 0; i < values.size(); ++i) text_ += (i > 0 ? "," : "") + float_text(static_cast<double>(values[i]));
  text_ += ']';
  return *this;
}

JsonLine& JsonLine::add_top(std::string_view name, std::span<const std::vector<std::pair<int32_t, float>>> top) {
  key(name);
  text_ += '[';
  for (size_t i = 0; i < top.size(); ++i) {
    if (i > 0) text_ += ",";
    if (top[i].empty()) {
      text_ += "null";
      continue;
    }
    text_ += '[';
    for (size_t j = 0; j < top[i].size(); ++j) {
      text_ += fmt::format("{}[{},{}]", j > 0 ? "," : "", top[i][j].first,
                           float_text(static_cast<double>(top[i][j].second)));
    }
    text_ += ']';
  }
  text_ += ']';
  return *this;
}

}  // namespace r1
