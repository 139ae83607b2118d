// Source to Program. Whatever the language subset lacks is refused here, by name and line, where it can be seen in the
// source.
#pragma once

#include <string_view>

#include "text/jinja_program.h"

namespace r1::jinja {

Block parse(std::string_view source);  // throws Fault with its line

}  // namespace r1::jinja
