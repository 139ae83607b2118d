#include "text/jinja_filters.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "text/jinja_arguments.h"
#include "text/jinja_json.h"
#include "text/jinja_methods.h"
#include "text/jinja_operators.h"
#include "text/jinja_predicates.h"
#include "text/jinja_strings.h"

namespace r1::jinja {
namespace {

Value generator(Heap& heap, std::vector<Value> items) { return heap.sequence(Sequence::kGenerator, std::move(items)); }

// ---- of text: whatever the value is, its printed form

template <Casing casing>
Value change_case_filter(Heap& heap, const Value& value, const Arguments& arguments) {
  Bound("upper or lower", arguments, {});
  const Text text = print(heap, value);
  heap.spend_on_characters(text);
  return heap.string(change_case(text, casing));
}

Value capitalize_filter(Heap& heap, const Value& value, const Arguments& arguments) {
  Bound("capitalize", arguments, {});
  const Text text = print(heap, value);
  heap.spend_on_characters(text);
  return heap.string(capitalize(text));
}

// Unlike str.title(): words begin after white space and opening marks only.
Value title_filter(Heap& heap, const Value& value, const Arguments& arguments) {
  Bound("title", arguments, {});
  const Text text = print(heap, value);
  heap.spend_on_characters(text);
  const std::string_view view = text.view();
  Text out;
  bool first = true;
  for (size_t at = 0; at < view.size();) {
    const DecodedCharacter c = decode_utf8(view.substr(at));
    std::string cased;
    if (c.valid) append_cased(cased, c.code, first ? Casing::kUpper : Casing::kLower);
    out.append(c.valid ? cased : view.substr(at, c.bytes), text.literal_at(at));
    first = is_space(c.code) ||
            (c.code < 0x80 && std::string_view("-({[<").find(static_cast<char>(c.code)) != std::string_view::npos);
    at += c.bytes;
  }
  return heap.string(std::move(out));
}

Value trim_filter(Heap& heap, const Value& value, const Arguments& arguments) {
  const Text* set = Bound("trim", arguments, {"chars"}).text(0);
  const Text text = print(heap, value);
  heap.spend_on_characters(text);
  return heap.string(strip(text, true, true, set == nullptr ? std::nullopt : std::optional(set->view())));
}

Value replace_filter(Heap& heap, const Value& value, const Arguments& arguments) {
  const Bound bound("replace", arguments, {"old", "new", "count"});
  const Text text = print(heap, value), wanted = print(heap, bound.required(0)),
             replacement = print(heap, bound.required(1));
  heap.spend_on_characters(text);
  return heap.string(replace(text, wanted.view(), replacement, bound.integer(2).value_or(kAll)));
}

Value indent_filter(Heap& heap, const Value& value, const Arguments& arguments) {
  const Bound bound("indent", arguments, {"width", "first", "blank"});
  Text by;
  if (bound.value(0) != nullptr && bound.value(0)->is_string()) {
    by = *bound.text(0);
  } else {
    by.append(std::string(static_cast<size_t>(std::clamp<int64_t>(bound.integer(0).value_or(4), 0, 10'000)), ' '),
              true);
  }
  const bool first = bound.flag(1, false), blank = bound.flag(2, false);
  Text text = print(heap, value);
  heap.spend_on_characters(text);
  text.append("\n", true);  // so that a last line end begins one more line
  Text out;
  bool begin = true;
  for (const Text& line : split_lines(text, false)) {
    if (!begin) out.append("\n", true);
    if (begin ? first : blank || !line.empty()) out.append(by);
    out.append(line);
    begin = false;
    if (out.size() > Limits::kText) break;  // heap.string says so
  }
  return heap.string(std::move(out));
}

Value string_filter(Heap& heap, const Value& value, const Arguments& arguments) {
  Bound("string", arguments, {});
  return value.is_string() ? value : heap.string(print(heap, value));
}

Value tojson_filter(Heap& heap, const Value& value, const Arguments& arguments) {
  const Bound bound("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"});
  // The hub's parameters, but jinja's own order begins with indent; a positional argument that is a number can only be
  // that.
  const Value* indent = bound.value(1);
  JsonStyle style;
  if (const Value* first = bound.value(0); first != nullptr && first->is<Integer>()) {
    unsupported("a positional argument of tojson that is not a bool; write tojson(indent=…)");
  }
  style.ascii = bound.flag(0, false);
  if (indent != nullptr && indent->is_string()) {
    style.indent = std::string(indent->text()->view());
  } else if (const auto width = bound.integer(1)) {
    style.indent = std::string(static_cast<size_t>(std::clamp<int64_t>(*width, 0, 10'000)), ' ');
  }
  if (style.indent) style.item_separator = ",";
  if (const Value* separators = bound.value(2); separators != nullptr && !separators->is_none()) {
    const Sequence* pair = separators->sequence();
    if (pair == nullptr || pair->items.size() != 2 || !pair->items[0].is_string() || !pair->items[1].is_string()) {
      mistake("tojson: separators are two strings");
    }
    style.item_separator = pair->items[0].text()->view();
    style.key_separator = pair->items[1].text()->view();
  }
  style.sort_keys = bound.flag(3, false);
  return heap.string(to_json(heap, value, style));
}

// ---- of numbers

// A string as Python's int() and float() read it: white space around, '_' between digits.
std::string numeric_text(Heap& heap, const Text& text) {
  heap.spend_on_characters(text);
  const Text stripped = strip(text, true, true);
  const std::string_view view = stripped.view();
  const auto is_digit = [&](size_t at) { return at < view.size() && view[at] >= '0' && view[at] <= '9'; };
  std::string digits;
  for (size_t i = 0; i < view.size(); ++i) {
    const bool between_digits = i > 0 && is_digit(i - 1) && is_digit(i + 1);
    if (view[i] != '_' || !between_digits) digits += view[i];
  }
  if (digits.starts_with('+') && !digits.starts_with("+-")) digits.erase(0, 1);
  return digits;
}

std::optional<double> parse_float(Heap& heap, const Text& text) {
  const std::string digits = numeric_text(heap, text);
  double number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (end != digits.data() + digits.size() || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) unsupported("a number beyond float64");
  return number;
}

Value int_filter(Heap& heap, const Value& value, const Arguments& arguments) {
  const Bound bound("int", arguments, {"default", "base"});
  if (bound.integer(1).value_or(10) != 10) unsupported("int() of another base than 10");
  if (const Undefined* undefined = value.get<Undefined>()) mistake("{} is undefined", undefined->what());
  if (const auto integer = as_integer(value)) return Value(*integer);
  const Value fallback = bound.value(0) == nullptr ? Value(Integer{0}) : *bound.value(0);
  std::optional<double> number = as_number(value);
  if (const Text* text = value.text()) {
    const std::string digits = numeric_text(heap, *text);
    int64_t integer = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), integer);
    if (end == digits.data() + digits.size() && error == std::errc()) return Value(Integer{integer});
    if (end == digits.data() + digits.size() && error == std::errc::result_out_of_range)
      unsupported("an integer beyond 64 bits");
    number = parse_float(heap, *text);
  }
  if (!number || !std::isfinite(*number)) return fallback;
  if (std::abs(*number) > 1e37) unsupported("an integer beyond 128 bits");
  return Value(static_cast<Integer>(*number));
}

Value float_filter(Heap& heap, const Value& value, const Arguments& arguments) {
  const Bound bound("float", arguments, {"default"});
  if (const Undefined* undefined = value.get<Undefined>()) mistake("{} is undefined", undefined->what());
  std::optional<double> number = as_number(value);
  if (const Text* text = value.text()) number = parse_float(heap, *text);
  if (number) return Value(*number);
  return bound.value(0) == nullptr ? Value(0.0) : *bound.value(0);
}

Value round_filter(Heap&, const Value& value, const Arguments& arguments) {
  const Bound bound("round", arguments, {"precision", "method"});
  const auto number = as_number(value);
  if (!number) mistake("'round' needs a number, found {}", type_name(value));
  const int64_t precision = bound.integer(0).value_or(0);
  if (precision < 0 || precision > 15) unsupported("round() to other than 0 to 15 places");
  const std::string_view method = bound.text(1) == nullptr ? "common" : bound.text(1)->view();
  if (method == "common") {
    if (const auto integer = as_integer(value)) return Value(*integer);
    if (!std::isfinite(*number)) return value;
    return Value(std::stod(fmt::format("{:.{}f}", *number, precision)));  // exact halves to even
  }
  const double scale = std::pow(10.0, static_cast<double>(precision));
  if (method == "ceil") return Value(std::ceil(*number * scale) / scale);
  if (method == "floor") return Value(std::floor(*number * scale) / scale);
  mistake("round(): the method is 'common', 'ceil' or 'floor'");
}

Value abs_filter(Heap&, const Value& value, const Arguments& arguments) {
  Bound("abs", arguments, {});
  if (const auto integer = as_integer(value)) return *integer < 0 ? negate(value) : Value(*integer);
  if (const auto number = as_number(value)) return Value(std::abs(*number));
  mistake("'abs' needs a number, found {}", type_name(value));
}

// ---- of sequences

Value length_filter(Heap& heap, const Value& value, const Arguments& arguments) {
  Bound("length", arguments, {});
  return Value(static_cast<Integer>(length(heap, value)));
}

Value first_filter(Heap& heap, const Value& value, const Arguments& arguments) {
  Bound("first", arguments, {});
  if (Sequence* sequence = value.sequence(); sequence != nullptr && sequence->kind == Sequence::kGenerator) {
    return sequence->walked < sequence->items.size() ? sequence->items[sequence->walked++]
                                                     : Value(Undefined("the first of nothing"));
  }
  const std::vector<Value> items = iterate(heap, value);
  return items.empty() ? Value(Undefined("the first of nothing")) : items.front();
}

Value last_filter(Heap& heap, const Value& value, const Arguments& arguments) {
  Bound("last", arguments, {});
  if (const Sequence* sequence = value.sequence(); sequence != nullptr && sequence->kind == Sequence::kGenerator) {
    mistake("the last of a generator; |list makes a list of it");
  }
  const std::vector<Value> items = iterate(heap, value);
  return items.empty() ? Value(Undefined("the last of nothing")) : items.back();
}

Value list_filter(Heap& heap, const Value& value, const Arguments& arguments) {
  Bound("list", arguments, {});
  return heap.list(iterate(heap, value));
}

Value reverse_filter(Heap& heap, const Value& value, const Arguments& arguments) {
  Bound("reverse", arguments, {});
  if (value.is_string()) return slice(heap, value, Value(), Value(), Value(Integer{-1}));
  std::vector<Value> items = iterate(heap, value);
  std::reverse(items.begin(), items.end());
  return generator(heap, std::move(items));
}

Value items_filter(Heap& heap, const Value& value, const Arguments& arguments) {
  Bound("items", arguments, {});
  std::vector<Value> items;
  if (const Dict* dict = value.dict()) {
    for (const auto& [key, member] : dict->items) items.push_back(heap.tuple({key, member}));
  } else if (!value.is_undefined()) {
    mistake("'items' needs a mapping, found {}", type_name(value));
  }
  return generator(heap, std::move(items));
}

Value default_filter(Heap& heap, const Value& value, const Arguments& arguments) {
  const Bound bound("default", arguments, {"default_value", "boolean"});
  if (!value.is_undefined() && !(bound.flag(1, false) && !is_true(value))) return value;
  return bound.value(0) == nullptr ? heap.string("", true) : *bound.value(0);
}

// 'a.b.0' of a value.
Value member(Heap& heap, Value value, std::string_view path, const Value* fallback) {
  while (true) {
    heap.spend(Limits::kNodeWork);
    const size_t dot = path.find('.');
    const std::string_view part = path.substr(0, dot);
    const bool number =
        !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == std::string_view::npos;
    Integer index = 0;
    for (size_t i = 0; number && i < part.size(); ++i) index = index * 10 + (part[i] - '0');
    value = item(heap, value, number ? Value(index) : heap.string(part, true));
    if (value.is_undefined() && fallback != nullptr) value = *fallback;
    if (dot == std::string_view::npos) return value;
    path.remove_prefix(dot + 1);
  }
}

Value member(Heap& heap, const Value& value, const Value& path, const Value* fallback = nullptr) {
  if (path.is_string()) return member(heap, value, path.text()->view(), fallback);
  const Value found = item(heap, value, path);
  return found.is_undefined() && fallback != nullptr ? *fallback : found;
}

// A key to compare by: an attribute (or several, with commas), strings without regard to case.
class SortKey {
 public:
  SortKey(Heap& heap, const Value* attribute, bool case_sensitive)
      : heap_(heap), attribute_(attribute), case_sensitive_(case_sensitive) {}

  Value of(const Value& value) const {
    if (attribute_ == nullptr || attribute_->is_none()) return folded(value);
    if (!attribute_->is_string() || attribute_->text()->view().find(',') == std::string_view::npos)
      return folded(member(heap_, value, *attribute_));
    std::vector<Value> keys;
    for (const Text& part : split(*attribute_->text(), ",", kAll, false))
      keys.push_back(folded(member(heap_, value, part.view(), nullptr)));
    return heap_.list(std::move(keys));
  }

 private:
  Value folded(const Value& value) const {
    if (!value.is_string() || case_sensitive_) return value;
    heap_.spend_on_characters(*value.text());
    return heap_.string(change_case(*value.text(), Casing::kLower));
  }

  Heap& heap_;
  const Value* attribute_;
  bool case_sensitive_;
};

std::vector<Value> sorted(Heap& heap, const std::vector<Value>& items, const std::vector<Value>& keys, bool reverse) {
  std::vector<size_t> order(items.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return reverse ? less(heap, keys[b], keys[a]) : less(heap, keys[a], keys[b]);
  });
  std::vector<Value> result;
  for (const size_t i : order) result.push_back(items[i]);
  return result;
}

Value sort_filter(Heap& heap, const Value& value, const Arguments& arguments) {
  const Bound bound("sort", arguments, {"reverse", "case_sensitive", "attribute"});
  const SortKey key(heap, bound.value(2), bound.flag(1, false));
  const std::vector<Value> items = iterate(heap, value);
  std::vector<Value> keys;
  for (const Value& item : items) keys.push_back(key.of(item));
  return heap.list(sorted(heap, items, keys, bound.flag(0, false)));
}

Value dictsort_filter(Heap& heap, const Value& value, const Arguments& arguments) {
  const Bound bound("dictsort", arguments, {"case_sensitive", "by", "reverse"});
  const std::string_view by = bound.text(1) == nullptr ? "key" : bound.text(1)->view();
  if (by != "key" && by != "value") mistake("dictsort: 'by' is 'key' or 'value'");
  if (value.dict() == nullptr) mistake("'dictsort' needs a mapping, found {}", type_name(value));
  const SortKey key(heap, nullptr, bound.flag(0, false));
  std::vector<Value> items, keys;
  for (const auto& [name, member] : value.dict()->items) {
    items.push_back(heap.tuple({name, member}));
    keys.push_back(key.of(by == "key" ? name : member));
  }
  return heap.list(sorted(heap, items, keys, bound.flag(2, false)));
}

Value unique_filter(Heap& heap, const Value& value, const Arguments& arguments) {
  const Bound bound("unique", arguments, {"case_sensitive", "attribute"});
  const SortKey key(heap, bound.value(1), bound.flag(0, false));
  Dict* seen = heap.dict();
  std::vector<Value> kept;
  for (const Value& item : iterate(heap, value)) {
    const Value found = key.of(item);
    if (seen->find(heap, found) != nullptr) continue;
    heap.grow(Dict::kEntry);
    seen->set(heap, found, Value());
    kept.push_back(item);
  }
  return generator(heap, std::move(kept));
}

template <bool greatest>
Value extreme_filter(Heap& heap, const Value& value, const Arguments& arguments) {
  const Bound bound(greatest ? "max" : "min", arguments, {"case_sensitive", "attribute"});
  const SortKey key(heap, bound.value(1), bound.flag(0, false));
  std::optional<Value> best, best_key;
  for (const Value& item : iterate(heap, value)) {
    const Value here = key.of(item);
    if (best && !(greatest ? less(heap, *best_key, here) : less(heap, here, *best_key))) continue;
    best = item;
    best_key = here;
  }
  return best ? *best : Value(Undefined("the extreme of nothing"));
}

Value sum_filter(Heap& heap, const Value& value, const Arguments& arguments) {
  const Bound bound("sum", arguments, {"attribute", "start"});
  Value total = bound.value(1) == nullptr ? Value(Integer{0}) : *bound.value(1);
  for (const Value& item : iterate(heap, value)) {
    const bool attribute = bound.value(0) != nullptr && !bound.value(0)->is_none();
    total = apply(heap, Operator::kAdd, total, attribute ? member(heap, item, *bound.value(0)) : item);
  }
  return total;
}

Value join_filter(Heap& heap, const Value& value, const Arguments& arguments) {
  const Bound bound("join", arguments, {"d", "attribute"});
  const Text separator = bound.value(0) == nullptr ? Text() : print(heap, *bound.value(0));
  Text out;
  bool first = true;
  for (const Value& item : iterate(heap, value)) {
    if (!first) out.append(separator);
    out.append(print(heap, bound.value(1) == nullptr ? item : member(heap, item, *bound.value(1))));
    first = false;
    if (out.size() > Limits::kText) break;  // heap.string says so
  }
  return heap.string(std::move(out));
}

// ---- filters that apply filters and tests

Arguments without_first(const Arguments& arguments, size_t count) {
  Arguments rest = arguments;
  rest.positional.erase(rest.positional.begin(), rest.positional.begin() + static_cast<std::ptrdiff_t>(count));
  return rest;
}

std::string_view name_argument(const Arguments& arguments, size_t index, std::string_view what) {
  if (arguments.positional.size() <= index || !arguments.positional[index].is_string())
    mistake("{} needs the name of a filter or test", what);
  return arguments.positional[index].text()->view();
}

Value map_filter(Heap& heap, const Value& value, const Arguments& arguments) {
  const Heap::Level level(heap);  // map('map', 'map', …)
  heap.spend(arguments.positional.size() * Limits::kNodeWork);
  std::vector<Value> items = iterate(heap, value);
  if (arguments.positional.empty()) {
    const Bound bound("map", arguments, {"attribute", "default"});
    for (Value& item : items) item = member(heap, item, bound.required(0), bound.value(1));
  } else {
    const std::string_view name = name_argument(arguments, 0, "map");
    const Filter filter = find_filter(name);
    if (filter == nullptr) unsupported("the filter '{}'", name);
    const Heap::Held held(heap, (items.size() + arguments.positional.size()) * sizeof(Value));
    const Arguments rest = without_first(arguments, 1);
    for (Value& item : items) {
      heap.spend(Limits::kNodeWork);
      item = filter(heap, item, rest);
    }
  }
  return generator(heap, std::move(items));
}

// select, reject, and the same by an attribute.
template <bool wanted, bool by_attribute>
Value choose_filter(Heap& heap, const Value& value, const Arguments& arguments) {
  constexpr size_t kTest = by_attribute ? 1 : 0;
  heap.spend(arguments.positional.size() * Limits::kNodeWork);
  if (by_attribute && arguments.positional.empty()) mistake("selectattr and rejectattr need an attribute");
  const bool tests = arguments.positional.size() > kTest;
  const Test test = tests ? find_test(name_argument(arguments, kTest, "select")) : nullptr;
  if (tests && test == nullptr) unsupported("the test '{}'", name_argument(arguments, kTest, "select"));
  const Arguments rest = tests ? without_first(arguments, kTest + 1) : Arguments{};
  std::vector<Value> kept;
  for (const Value& item : iterate(heap, value)) {
    heap.spend(Limits::kNodeWork);
    const Value subject = by_attribute ? member(heap, item, arguments.positional[0]) : item;
    if ((tests ? test(heap, subject, rest) : is_true(subject)) == wanted) kept.push_back(item);
  }
  return generator(heap, std::move(kept));
}

struct Row {
  std::string_view name;
  Filter filter;
};

constexpr Row kFilters[] = {
    {"upper", change_case_filter<Casing::kUpper>},
    {"lower", change_case_filter<Casing::kLower>},
    {"capitalize", capitalize_filter},
    {"title", title_filter},
    {"trim", trim_filter},
    {"replace", replace_filter},
    {"indent", indent_filter},
    {"string", string_filter},
    {"tojson", tojson_filter},
    {"int", int_filter},
    {"float", float_filter},
    {"round", round_filter},
    {"abs", abs_filter},
    {"length", length_filter},
    {"count", length_filter},
    {"first", first_filter},
    {"last", last_filter},
    {"list", list_filter},
    {"reverse", reverse_filter},
    {"items", items_filter},
    {"default", default_filter},
    {"d", default_filter},
    {"sort", sort_filter},
    {"dictsort", dictsort_filter},
    {"unique", unique_filter},
    {"min", extreme_filter<false>},
    {"max", extreme_filter<true>},
    {"sum", sum_filter},
    {"join", join_filter},
    {"map", map_filter},
    {"select", choose_filter<true, false>},
    {"reject", choose_filter<false, false>},
    {"selectattr", choose_filter<true, true>},
    {"rejectattr", choose_filter<false, true>},
};

}  // namespace

Filter find_filter(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kFilters), std::end(kFilters), [&](const Row& row) { return row.name == name; });
  return found == std::end(kFilters) ? nullptr : found->filter;
}

}  // namespace r1::jinja
