// What + - * / // % ** ~, subscripts and slices do to values: Python's rules.
#pragma once

#include <optional>

#include "text/jinja_program.h"
#include "text/jinja_value.h"

namespace r1::jinja {

Value apply(Heap& heap, Operator op, const Value& left, const Value& right);
Value negate(const Value& value);
bool compare(Heap& heap, Comparator comparator, const Value& left, const Value& right);

// value[index] of sequences, strings and dicts; nothing where there is no such element or the type has none.
std::optional<Value> element(Heap& heap, const Value& value, const Value& index);
// value[start:stop:step]; none stands for what is left out.
Value slice(Heap& heap, const Value& value, const Value& start, const Value& stop, const Value& step);

}  // namespace r1::jinja
