#include "text/jinja_predicates.h"

#include <algorithm>

#include "text/jinja_arguments.h"
#include "text/jinja_operators.h"
#include "text/jinja_strings.h"

namespace r1::jinja {
namespace {

using Predicate = bool (*)(const Value& value);

// A test without an argument.
template <Predicate predicate>
bool plain(Heap&, const Value& value, const Arguments& arguments) {
  Bound("the test", arguments, {});
  return predicate(value);
}

template <Comparator comparator>
bool compares(Heap& heap, const Value& value, const Arguments& arguments) {
  return compare(heap, comparator, value, Bound("the test", arguments, {"other"}).required(0));
}

// As Python does: nothing cased means false.
template <Casing casing>
bool is_cased(Heap& heap, const Value& value, const Arguments& arguments) {
  Bound("the test", arguments, {});
  const Text text = print(heap, value);
  heap.spend_on_characters(text);
  const Casing other = casing == Casing::kUpper ? Casing::kLower : Casing::kUpper;
  return change_case(text, casing).view() == text.view() && change_case(text, other).view() != text.view();
}

Integer remainder(Heap& heap, const Value& value, Integer by) {
  const Value rest = apply(heap, Operator::kModulo, value, Value(by));
  if (const auto integer = as_integer(rest)) return *integer;
  return as_number(rest) == 0.0 ? 0 : as_number(rest) == 1.0 ? 1 : -1;
}

template <int rest>
bool parity(Heap& heap, const Value& value, const Arguments& arguments) {
  Bound("the test", arguments, {});
  return remainder(heap, value, 2) == rest;
}

bool divisible_by(Heap& heap, const Value& value, const Arguments& arguments) {
  const Value rest = apply(heap, Operator::kModulo, value, Bound("the test", arguments, {"num"}).required(0));
  return as_number(rest) == 0.0;
}

// Identity: meaningful for none, true and false, and for containers.
bool same_as(Heap& heap, const Value& value, const Arguments& arguments) {
  const Value& other = Bound("the test", arguments, {"other"}).required(0);
  if (value.storage().index() != other.storage().index()) return false;
  if (value.is_none() || value.is<bool>()) return equal(heap, value, other);
  if (value.sequence() != nullptr) return value.sequence() == other.sequence();
  if (value.dict() != nullptr) return value.dict() == other.dict();
  unsupported("the test 'sameas' of a {}", type_name(value));
}

bool is_container(const Value& value) {
  return value.is_string() || value.dict() != nullptr || value.sequence() != nullptr || value.is_undefined();
}

struct Row {
  std::string_view name;
  Test test;
};

constexpr Row kTests[] = {
    {"defined", plain<[](const Value& v) { return !v.is_undefined(); }>},
    {"undefined", plain<[](const Value& v) { return v.is_undefined(); }>},
    {"none", plain<[](const Value& v) { return v.is_none(); }>},
    {"boolean", plain<[](const Value& v) { return v.is<bool>(); }>},
    {"true", plain<[](const Value& v) { return v.is<bool>() && is_true(v); }>},
    {"false", plain<[](const Value& v) { return v.is<bool>() && !is_true(v); }>},
    {"integer", plain<[](const Value& v) { return v.is<Integer>(); }>},
    {"float", plain<[](const Value& v) { return v.is<double>(); }>},
    {"number", plain<[](const Value& v) { return as_number(v).has_value(); }>},
    {"string", plain<[](const Value& v) { return v.is_string(); }>},
    {"mapping", plain<[](const Value& v) { return v.dict() != nullptr; }>},
    {"iterable", plain<[](const Value& v) { return is_container(v) || v.is<Loop*>(); }>},
    // What has a length and elements; an undefined value has both.
    {"sequence", plain<[](const Value& v) {
       return is_container(v) && (v.sequence() == nullptr || v.sequence()->kind <= Sequence::kRange);
     }>},
    {"callable", plain<[](const Value& v) {
       return v.is<std::shared_ptr<const Closure>>() || v.is<std::shared_ptr<const Function>>() || v.is_undefined();
     }>},
    {"lower", is_cased<Casing::kLower>},
    {"upper", is_cased<Casing::kUpper>},
    {"odd", parity<1>},
    {"even", parity<0>},
    {"divisibleby", divisible_by},
    {"sameas", same_as},
    {"in",
     [](Heap& heap, const Value& value, const Arguments& arguments) {
       return contains(heap, Bound("the test", arguments, {"seq"}).required(0), value);
     }},
    {"eq", compares<Comparator::kEqual>},
    {"equalto", compares<Comparator::kEqual>},
    {"==", compares<Comparator::kEqual>},
    {"ne", compares<Comparator::kUnequal>},
    {"!=", compares<Comparator::kUnequal>},
    {"lt", compares<Comparator::kLess>},
    {"lessthan", compares<Comparator::kLess>},
    {"<", compares<Comparator::kLess>},
    {"le", compares<Comparator::kLessEqual>},
    {"<=", compares<Comparator::kLessEqual>},
    {"gt", compares<Comparator::kGreater>},
    {"greaterthan", compares<Comparator::kGreater>},
    {">", compares<Comparator::kGreater>},
    {"ge", compares<Comparator::kGreaterEqual>},
    {">=", compares<Comparator::kGreaterEqual>},
};

}  // namespace

Test find_test(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kTests), std::end(kTests), [&](const Row& row) { return row.name == name; });
  return found == std::end(kTests) ? nullptr : found->test;
}

}  // namespace r1::jinja
