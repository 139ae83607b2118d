// JSON by nlohmann-json, with limits on nesting and size before anything is built, and errors that say where.
#pragma once

#include "base/error.h"

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace r1 {

using Json = nlohmann::json;                 // objects sorted by key
using OrderedJson = nlohmann::ordered_json;  // objects in the order of the text: for what people or other tools read

struct JsonLimits {
  int max_depth = 128;
  size_t max_bytes = size_t{1} << 30;
  bool unique_keys = true;  // a duplicate key is an error
};

// Bytes of somebody's input inside a sentence: short, printable, one line.
std::string quotable(std::string_view text);

// Parses `text`; `what` names it in errors ("config.json", "prompts.jsonl line 7"). Throws Error(exit) with line and
// column.
Json parse_json(std::string_view text, std::string_view what, const JsonLimits& limits = {},
                Exit exit = Exit::kFailure);
OrderedJson parse_ordered_json(std::string_view text, std::string_view what, const JsonLimits& limits = {},
                               Exit exit = Exit::kFailure);

}  // namespace r1
