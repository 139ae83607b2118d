// The filter tojson, as the hub defines it: Python's json.dumps without HTML escapes.
#pragma once

#include <optional>
#include <string>

#include "text/jinja_value.h"

namespace r1::jinja {

struct JsonStyle {
  std::optional<std::string> indent;  // of one level; absent: everything on one line
  std::string item_separator = ", ", key_separator = ": ";
  bool ascii = false;  // characters beyond ASCII as \uXXXX
  bool sort_keys = false;
};

// Throws Fault for what JSON does not have (undefined values, functions), and above the limits.
Text to_json(Heap& heap, const Value& value, const JsonStyle& style);

}  // namespace r1::jinja
