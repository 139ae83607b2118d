// The tests of the template language: {{ value is name(argument) }}.
#pragma once

#include <string_view>

#include "text/jinja_value.h"

namespace r1::jinja {

using Test = bool (*)(Heap& heap, const Value& value, const Arguments& arguments);

// Null if there is none of that name.
Test find_test(std::string_view name);

}  // namespace r1::jinja
