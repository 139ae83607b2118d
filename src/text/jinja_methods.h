// What stands behind a dot: methods of strings, lists, mappings and loops, keys of mappings, members of namespaces; and
// the functions that every template sees (range, namespace, raise_exception, strftime_now, dict).
#pragma once

#include <optional>
#include <string_view>

#include "text/jinja_value.h"

namespace r1::jinja {

// value.name: a method or property first, then a key, else undefined. An attribute of an undefined value is a Fault.
Value attribute(Heap& heap, const Value& value, std::string_view name);
// value[index]: an element or key first, then, for a string, a method.
Value item(Heap& heap, const Value& value, const Value& index);

// A global function; nothing if there is none of that name. Throws Fault for globals of the language that the subset
// lacks.
std::optional<Value> global(std::string_view name);

}  // namespace r1::jinja
