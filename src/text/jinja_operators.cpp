#include "text/jinja_operators.h"

#include <algorithm>
#include <cmath>

#include "text/jinja_strings.h"

namespace r1::jinja {
namespace {

const char* symbol(Operator op) {
  static constexpr const char* kSymbols[] = {"+", "-", "*", "/", "//", "%", "**"};
  return kSymbols[static_cast<size_t>(op)];
}

[[noreturn]] void no_such(Operator op, const Value& left, const Value& right) {
  for (const Value* value : {&left, &right}) {
    if (const Undefined* undefined = value->get<Undefined>()) mistake("{} is undefined", undefined->what());
  }
  mistake("'{}' of {} and {}", symbol(op), type_name(left), type_name(right));
}

[[noreturn]] void overflow() { mistake("an integer grows beyond 128 bits"); }

Integer floor_divide(Integer a, Integer b) {
  if (b == 0) mistake("division by zero");
  if (b == -1) {
    Integer result;
    if (__builtin_sub_overflow(Integer{0}, a, &result)) overflow();
    return result;
  }
  const Integer quotient = a / b;
  return a % b != 0 && ((a < 0) != (b < 0)) ? quotient - 1 : quotient;
}

Integer modulo(Integer a, Integer b) {
  if (b == 0) mistake("division by zero");
  if (b == -1) return 0;
  const Integer rest = a % b;
  return rest != 0 && ((rest < 0) != (b < 0)) ? rest + b : rest;
}

Value power(Integer base, Integer exponent) {
  if (exponent < 0) {
    if (base == 0) mistake("division by zero");
    return Value(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  if (base == 0 || base == 1) return Value(exponent == 0 ? Integer{1} : base);
  if (base == -1) return Value(exponent % 2 == 0 ? Integer{1} : Integer{-1});
  if (exponent > 127) overflow();
  Integer result = 1;
  for (; exponent > 0; --exponent) {
    if (__builtin_mul_overflow(result, base, &result)) overflow();
  }
  return Value(result);
}

Value on_integers(Operator op, Integer a, Integer b) {
  Integer result = 0;
  bool wraps = false;
  switch (op) {
    case Operator::kAdd:
      wraps = __builtin_add_overflow(a, b, &result);
      break;
    case Operator::kSubtract:
      wraps = __builtin_sub_overflow(a, b, &result);
      break;
    case Operator::kMultiply:
      wraps = __builtin_mul_overflow(a, b, &result);
      break;
    case Operator::kFloorDivide:
      return Value(floor_divide(a, b));
    case Operator::kModulo:
      return Value(modulo(a, b));
    case Operator::kPower:
      return power(a, b);
    case Operator::kDivide:
      if (b == 0) mistake("division by zero");
      return Value(static_cast<double>(a) / static_cast<double>(b));
  }
  if (wraps) overflow();
  return Value(result);
}

double float_modulo(double a, double b) {
  const double rest = std::fmod(a, b);
  if (rest == 0) return std::copysign(0.0, b);
  return (rest < 0) != (b < 0) ? rest + b : rest;
}

Value on_floats(Operator op, double a, double b) {
  const bool divides = op == Operator::kDivide || op == Operator::kFloorDivide || op == Operator::kModulo;
  if (divides && b == 0) mistake("division by zero");
  switch (op) {
    case Operator::kAdd:
      return Value(a + b);
    case Operator::kSubtract:
      return Value(a - b);
    case Operator::kMultiply:
      return Value(a * b);
    case Operator::kDivide:
      return Value(a / b);
    case Operator::kFloorDivide:
      return Value(std::floor((a - float_modulo(a, b)) / b + 0.5));
    case Operator::kModulo:
      return Value(float_modulo(a, b));
    case Operator::kPower:
      break;
  }
  if (a == 0 && b < 0) mistake("division by zero");
  if (a < 0 && b != std::floor(b)) unsupported("a complex number");
  return Value(std::pow(a, b));
}

Value join(Heap& heap, const Value& left, const Value& right) {
  if (left.is_string()) {
    heap.spend(left.text()->size());
    Text text = *left.text();
    text.append(*right.text());
    return heap.string(std::move(text));
  }
  std::vector<Value> items = left.sequence()->items;
  items.insert(items.end(), right.sequence()->items.begin(), right.sequence()->items.end());
  return heap.sequence(left.sequence()->kind, std::move(items));
}

bool is_list_or_tuple(const Value& value) {
  const Sequence* sequence = value.sequence();
  return sequence != nullptr && (sequence->kind == Sequence::kList || sequence->kind == Sequence::kTuple);
}

Value repeat(Heap& heap, const Value& value, Integer times) {
  times = std::clamp<Integer>(times, 0, Integer{1} << 62);
  if (const Text* text = value.text()) {
    if (static_cast<Integer>(text->size()) * times > static_cast<Integer>(Limits::kText))
      mistake("a string grows beyond {} MiB", Limits::kText >> 20);
    const Heap::Held held(heap, text->memory() * static_cast<size_t>(text->empty() ? 0 : times));
    Text out;
    if (!text->empty()) {
      for (Integer i = 0; i < times; ++i) out.append(*text);
    }
    return heap.string(std::move(out));
  }
  const Sequence& sequence = *value.sequence();
  if (static_cast<Integer>(sequence.items.size()) * times > static_cast<Integer>(Limits::kPieces))
    mistake("a list grows beyond {} items", Limits::kPieces);
  std::vector<Value> items;
  if (!sequence.items.empty()) {
    for (Integer i = 0; i < times; ++i) items.insert(items.end(), sequence.items.begin(), sequence.items.end());
  }
  return heap.sequence(sequence.kind, std::move(items));
}

std::optional<int64_t> small(const Value& value) {
  const auto number = as_integer(value);
  if (!number) return std::nullopt;
  return static_cast<int64_t>(std::clamp<Integer>(*number, INT64_MIN / 4, INT64_MAX / 4));
}

// A slice's bound as Python clips it.
int64_t clip(const Value& value, int64_t fallback, int64_t low, int64_t high, int64_t length) {
  if (value.is_none()) return fallback;
  const auto index = small(value);
  if (!index) mistake("a slice needs integers, found {}", type_name(value));
  return std::clamp(*index < 0 ? *index + length : *index, low, high);
}

}  // namespace

Value apply(Heap& heap, Operator op, const Value& left, const Value& right) {
  if (const auto a = as_integer(left), b = as_integer(right); a && b) return on_integers(op, *a, *b);
  if (const auto a = as_number(left), b = as_number(right); a && b) return on_floats(op, *a, *b);
  if (op == Operator::kAdd) {
    if (left.is_string() && right.is_string()) return join(heap, left, right);
    if (is_list_or_tuple(left) && is_list_or_tuple(right) && left.sequence()->kind == right.sequence()->kind) {
      return join(heap, left, right);
    }
  }
  if (op == Operator::kMultiply) {
    const auto repeatable = [](const Value& value) { return value.is_string() || is_list_or_tuple(value); };
    if (const auto times = as_integer(right); times && repeatable(left)) return repeat(heap, left, *times);
    if (const auto times = as_integer(left); times && repeatable(right)) return repeat(heap, right, *times);
  }
  if (op == Operator::kModulo && left.is_string()) unsupported("formatting a string with '%'");
  no_such(op, left, right);
}

Value negate(const Value& value) {
  if (const auto number = as_integer(value)) return on_integers(Operator::kSubtract, 0, *number);
  if (const double* number = value.get<double>()) return Value(-*number);
  mistake("'-' of {}", type_name(value));
}

bool compare(Heap& heap, Comparator comparator, const Value& left, const Value& right) {
  switch (comparator) {
    case Comparator::kEqual:
      return equal(heap, left, right);
    case Comparator::kUnequal:
      return !equal(heap, left, right);
    case Comparator::kLess:
      return less(heap, left, right);
    case Comparator::kGreater:
      return less(heap, right, left);
    case Comparator::kLessEqual:
      return less(heap, left, right) || (less(heap, right, left), equal(heap, left, right));
    case Comparator::kGreaterEqual:
      return less(heap, right, left) || (less(heap, left, right), equal(heap, left, right));
    case Comparator::kIn:
      return contains(heap, right, left);
    case Comparator::kNotIn:
      return !contains(heap, right, left);
  }
  return false;
}

std::optional<Value> element(Heap& heap, const Value& value, const Value& index) {
  if (const Dict* dict = value.dict()) {
    const Value* found = dict->find(heap, index);
    return found == nullptr ? std::nullopt : std::optional(*found);
  }
  const auto number = small(index);
  const Sequence* sequence = value.sequence();
  if (!number || (sequence == nullptr && !value.is_string()) ||
      (sequence != nullptr && sequence->kind > Sequence::kRange)) {
    return std::nullopt;
  }
  const auto length = static_cast<int64_t>(jinja::length(heap, value));
  const int64_t at = *number < 0 ? *number + length : *number;
  if (at < 0 || at >= length) return std::nullopt;
  if (sequence != nullptr) return sequence->items[static_cast<size_t>(at)];
  return heap.string(pick_characters(*value.text(), at, 1, 1));
}

Value slice(Heap& heap, const Value& value, const Value& start, const Value& stop, const Value& step) {
  const Sequence* sequence = value.sequence();
  if (!value.is_string() && (sequence == nullptr || sequence->kind > Sequence::kRange)) {
    return Value(Undefined("a slice of {}", type_name(value)));
  }
  const auto length = static_cast<int64_t>(jinja::length(heap, value));
  const int64_t by = step.is_none() ? 1 : small(step).value_or(0);
  if (by == 0) mistake("a slice needs a step other than zero");
  const int64_t low = by > 0 ? 0 : -1, high = by > 0 ? length : length - 1;
  const int64_t from = clip(start, by > 0 ? 0 : length - 1, low, high, length);
  const int64_t to = clip(stop, by > 0 ? length : -1, low, high, length);
  const int64_t distance = by > 0 ? to - from : from - to;
  const int64_t count = distance <= 0 ? 0 : (distance - 1) / std::abs(by) + 1;
  if (const Text* text = value.text()) {
    heap.spend_on_characters(*text);
    return heap.string(pick_characters(*text, from, by, count));
  }
  std::vector<Value> items;
  for (int64_t i = 0; i < count; ++i) items.push_back(sequence->items[static_cast<size_t>(from + i * by)]);
  return heap.sequence(sequence->kind, std::move(items));
}

}  // namespace r1::jinja
