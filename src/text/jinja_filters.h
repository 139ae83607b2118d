// The filters of the template language: {{ value|name(arguments) }}.
#pragma once

#include <string_view>

#include "text/jinja_value.h"

namespace r1::jinja {

using Filter = Value (*)(Heap& heap, const Value& value, const Arguments& arguments);

// Null if there is none of that name.
Filter find_filter(std::string_view name);

}  // namespace r1::jinja
