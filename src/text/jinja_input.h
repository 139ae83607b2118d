// The variables of a rendering: JSON as values of the template language.
#pragma once

#include "base/json.h"
#include "text/jinja_value.h"

namespace r1::jinja {

// Strings are literal or not as `literal` says: a message's are not. Throws Fault for JSON nested too deeply.
Value from_json(Heap& heap, const OrderedJson& json, bool literal = false);

}  // namespace r1::jinja
