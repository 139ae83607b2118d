#include "base/json.h"

#include <unordered_set>
#include <vector>

namespace r1 {
namespace {

struct Place {
  size_t line = 1, column = 1;
};

Place place_of(std::string_view text, size_t byte) {
  Place place;
  for (size_t i = 0; i < byte && i < text.size(); ++i) {
    if (text[i] == '\n') {
      ++place.line;
      place.column = 1;
    } else {
      ++place.column;
    }
  }
  return place;
}

// Depth is checked before the parser, which recurses nowhere but builds a value per bracket: a megabyte of '[' costs nothing here.
void check_depth(std::string_view text, std::string_view what, const JsonLimits& limits, Exit exit) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > limits.max_depth) {
        const Place at = place_of(text, i);
        fail(exit, "{}: JSON is nested deeper than {} levels at line {}, column {}", what, limits.max_depth, at.line, at.column);
      }
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
}

template <typename J>
J parse(std::string_view text, std::string_view what, const JsonLimits& limits, Exit exit) {
  if (text.size() > limits.max_bytes) {
    fail(exit, "{}: JSON of {} bytes is larger than the limit of {}", what, text.size(), limits.max_bytes);
  }
  check_depth(text, what, limits, exit);
  std::vector<std::unordered_set<std::string>> keys;
  const auto watch = [&](int, typename J::parse_event_t event, J& value) {
    if (event == J::parse_event_t::object_start) keys.emplace_back();
    if (event == J::parse_event_t::object_end) keys.pop_back();
    if (event == J::parse_event_t::key) {
      const auto& key = value.template get_ref<const std::string&>();
      if (!keys.back().insert(key).second) fail(exit, "{}: JSON has the key '{}' twice in one object", what, key);
    }
    return true;
  };
  try {
    if (limits.unique_keys) return J::parse(text.begin(), text.end(), watch);
    return J::parse(text.begin(), text.end());
  } catch (const typename J::parse_error& error) {
    const Place at = place_of(text, error.byte > 0 ? error.byte - 1 : 0);
    std::string reason = error.what();  // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error …"
    if (const size_t colon = reason.find(": "); colon != std::string::npos) reason = reason.substr(colon + 2);
    fail(exit, "{}: not valid JSON at line {}, column {}: {}", what, at.line, at.column, reason);
  } catch (const typename J::exception& error) {  // a number out of range
    fail(exit, "{}: not valid JSON: {}", what, error.what());
  }
}

}  // namespace

Json parse_json(std::string_view text, std::string_view what, const JsonLimits& limits, Exit exit) {
  return parse<Json>(text, what, limits, exit);
}

OrderedJson parse_ordered_json(std::string_view text, std::string_view what, const JsonLimits& limits, Exit exit) {
  return parse<OrderedJson>(text, what, limits, exit);
}

}  // namespace r1
