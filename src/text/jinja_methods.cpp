#include "text/jinja_methods.h"

#include <algorithm>
#include <ctime>
#include <span>

#include "text/jinja_arguments.h"
#include "text/jinja_operators.h"
#include "text/jinja_strings.h"

namespace r1::jinja {
namespace {

using Method = Value (*)(Heap& heap, const Value& self, const Arguments& arguments);

struct Row {
  std::string_view name;
  Method method;  // null: Python has it, this subset does not
};

const Row* find_row(std::span<const Row> rows, std::string_view name) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.name == name; });
  return found == rows.end() ? nullptr : &*found;
}

// ---- of strings

Value strings(Heap& heap, std::vector<Text> texts) {
  std::vector<Value> items;
  items.reserve(texts.size());
  for (Text& text : texts) items.push_back(heap.string(std::move(text)));
  return heap.list(std::move(items));
}

template <bool left, bool right>
Value strip_method(Heap& heap, const Value& self, const Arguments& arguments) {
  const Bound bound("strip", arguments, {"chars"});
  const Text* set = bound.text(0);
  heap.spend_on_characters(*self.text());
  return heap.string(strip(*self.text(), left, right, set == nullptr ? std::nullopt : std::optional(set->view())));
}

template <bool from_right>
Value split_method(Heap& heap, const Value& self, const Arguments& arguments) {
  const Bound bound("split", arguments, {"sep", "maxsplit"});
  const Text* separator = bound.text(0);
  heap.spend(self.text()->size());
  return strings(heap, split(*self.text(), separator == nullptr ? std::nullopt : std::optional(separator->view()),
                             bound.integer(1).value_or(kAll), from_right));
}

template <bool at_end>
bool has_affix(const Text& text, const Value& affix) {
  if (!affix.is_string())
    mistake("startswith and endswith need a string or a tuple of strings, found {}", type_name(affix));
  return at_end ? text.view().ends_with(affix.text()->view()) : text.view().starts_with(affix.text()->view());
}

template <bool at_end>
Value affix_method(Heap& heap, const Value& self, const Arguments& arguments) {
  const Value& affix = Bound(at_end ? "endswith" : "startswith", arguments, {"affix"}).required(0);
  const Sequence* sequence = affix.sequence();
  if (sequence == nullptr || sequence->kind != Sequence::kTuple) {
    heap.spend(affix.is_string() ? affix.text()->size() : 1);
    return Value(has_affix<at_end>(*self.text(), affix));
  }
  return Value(std::any_of(sequence->items.begin(), sequence->items.end(), [&](const Value& one) {
    heap.spend(one.is_string() ? one.text()->size() : 1);
    return has_affix<at_end>(*self.text(), one);
  }));
}

template <bool at_end>
Value remove_affix(Heap& heap, const Value& self, const Arguments& arguments) {
  const Text& affix = Bound("removeprefix", arguments, {"affix"}).required_text(0);
  const Text& text = *self.text();
  if (at_end && text.view().ends_with(affix.view())) return heap.string(text.slice(0, text.size() - affix.size()));
  if (!at_end && text.view().starts_with(affix.view())) return heap.string(text.slice(affix.size(), text.size()));
  return self;
}

Value replace_method(Heap& heap, const Value& self, const Arguments& arguments) {
  const Bound bound("replace", arguments, {"old", "new", "count"});
  heap.spend_on_characters(*self.text());
  return heap.string(
      replace(*self.text(), bound.required_text(0).view(), bound.required_text(1), bound.integer(2).value_or(kAll)));
}

template <Casing casing>
Value case_method(Heap& heap, const Value& self, const Arguments& arguments) {
  Bound("upper, lower or title", arguments, {});
  heap.spend_on_characters(*self.text());
  return heap.string(change_case(*self.text(), casing));
}

template <bool from_right>
Value find_method(Heap& heap, const Value& self, const Arguments& arguments) {
  const std::string_view text = self.text()->view(), wanted = Bound("find", arguments, {"sub"}).required_text(0).view();
  heap.spend(2 * text.size());
  const size_t found = from_right ? rfind_text(text, wanted) : find_text(text, wanted, 0);
  if (found == std::string_view::npos) return Value(Integer{-1});
  return Value(static_cast<Integer>(count_characters(text.substr(0, found))));
}

Value count_method(Heap& heap, const Value& self, const Arguments& arguments) {
  const std::string_view text = self.text()->view(),
                         wanted = Bound("count", arguments, {"sub"}).required_text(0).view();
  heap.spend(2 * text.size());
  if (wanted.empty()) return Value(static_cast<Integer>(count_characters(text) + 1));
  Integer count = 0;
  for (size_t at = find_text(text, wanted, 0); at != std::string_view::npos;
       at = find_text(text, wanted, at + wanted.size()))
    ++count;
  return Value(count);
}

Value join_method(Heap& heap, const Value& self, const Arguments& arguments) {
  Text out;
  bool first = true;
  for (const Value& item : iterate(heap, Bound("join", arguments, {"iterable"}).required(0))) {
    if (!item.is_string()) mistake("join needs strings, found {}", type_name(item));
    if (!first) out.append(*self.text());
    out.append(*item.text());
    first = false;
    if (out.size() > Limits::kText) break;  // heap.string says so
  }
  return heap.string(std::move(out));
}

template <bool (*holds)(char32_t)>
Value all_characters(Heap& heap, const Value& self, const Arguments& arguments) {
  Bound("the method", arguments, {});
  const std::string_view text = self.text()->view();
  heap.spend_on_characters(*self.text());
  for (size_t at = 0; at < text.size();) {
    const DecodedCharacter c = decode_utf8(text.substr(at));
    if (!holds(c.code)) return Value(false);
    at += c.bytes;
  }
  return Value(!text.empty());
}

constexpr Row kStringMethods[] = {
    {"strip", strip_method<true, true>},
    {"lstrip", strip_method<true, false>},
    {"rstrip", strip_method<false, true>},
    {"split", split_method<false>},
    {"rsplit", split_method<true>},
    {"splitlines",
     [](Heap& heap, const Value& self, const Arguments& arguments) {
       heap.spend_on_characters(*self.text());
       return strings(heap, split_lines(*self.text(), Bound("splitlines", arguments, {"keepends"}).flag(0, false)));
     }},
    {"startswith", affix_method<false>},
    {"endswith", affix_method<true>},
    {"removeprefix", remove_affix<false>},
    {"removesuffix", remove_affix<true>},
    {"replace", replace_method},
    {"upper", case_method<Casing::kUpper>},
    {"lower", case_method<Casing::kLower>},
    {"title", case_method<Casing::kTitle>},
    {"capitalize",
     [](Heap& heap, const Value& self, const Arguments& arguments) {
       Bound("capitalize", arguments, {});
       heap.spend_on_characters(*self.text());
       return heap.string(capitalize(*self.text()));
     }},
    {"find", find_method<false>},
    {"rfind", find_method<true>},
    {"count", count_method},
    {"join", join_method},
    {"isspace", all_characters<is_space>},
    {"casefold", nullptr},
    {"center", nullptr},
    {"encode", nullptr},
    {"expandtabs", nullptr},
    {"format", nullptr},
    {"format_map", nullptr},
    {"index", nullptr},
    {"isalnum", nullptr},
    {"isalpha", nullptr},
    {"isascii", nullptr},
    {"isdecimal", nullptr},
    {"isdigit", nullptr},
    {"isidentifier", nullptr},
    {"islower", nullptr},
    {"isnumeric", nullptr},
    {"isprintable", nullptr},
    {"istitle", nullptr},
    {"isupper", nullptr},
    {"ljust", nullptr},
    {"maketrans", nullptr},
    {"partition", nullptr},
    {"rindex", nullptr},
    {"rjust", nullptr},
    {"rpartition", nullptr},
    {"swapcase", nullptr},
    {"translate", nullptr},
    {"zfill", nullptr},
};

// ---- of lists and mappings

Value append_method(Heap& heap, const Value& self, const Arguments& arguments) {
  const Value added = Bound("append", arguments, {"object"}).required(0);
  heap.grow(2 * sizeof(Value));
  self.sequence()->items.push_back(added);
  return Value();
}

constexpr Row kListMethods[] = {
    {"append", append_method}, {"clear", nullptr},   {"copy", nullptr},   {"count", nullptr},
    {"extend", nullptr},       {"index", nullptr},   {"insert", nullptr}, {"pop", nullptr},
    {"remove", nullptr},       {"reverse", nullptr}, {"sort", nullptr},
};

template <int part>  // 0 keys, 1 values, 2 both
Value view_method(Heap& heap, const Value& self, const Arguments& arguments) {
  Bound("keys, values or items", arguments, {});
  std::vector<Value> items;
  for (const auto& [key, value] : self.dict()->items)
    items.push_back(part == 0 ? key : part == 1 ? value : heap.tuple({key, value}));
  return heap.sequence(Sequence::kView, std::move(items));
}

Value get_method(Heap& heap, const Value& self, const Arguments& arguments) {
  const Bound bound("get", arguments, {"key", "default"});
  if (const auto found = element(heap, self, bound.required(0))) return *found;
  return bound.value(1) == nullptr ? Value() : *bound.value(1);
}

constexpr Row kDictMethods[] = {
    {"items", view_method<2>}, {"keys", view_method<0>}, {"values", view_method<1>}, {"get", get_method},
    {"clear", nullptr},        {"copy", nullptr},        {"fromkeys", nullptr},      {"pop", nullptr},
    {"popitem", nullptr},      {"setdefault", nullptr},  {"update", nullptr},
};

// ---- of loops

Value cycle(Heap&, const Value& self, const Arguments& arguments) {
  if (arguments.positional.empty() || !arguments.named.empty()) mistake("loop.cycle needs values");
  return arguments.positional[(*self.get<Loop*>())->index0 % arguments.positional.size()];
}

Value loop_attribute(const Loop& loop, const Value& self, std::string_view name) {
  const auto number = [](size_t n) { return Value(static_cast<Integer>(n)); };
  const auto neighbour = [&](bool there, size_t index) {
    return there && index < loop.items.size() ? loop.items[index] : Value(Undefined("loop.{}", name));
  };
  if (name == "index") return number(loop.index0 + 1);
  if (name == "index0") return number(loop.index0);
  if (name == "first") return Value(loop.index0 == 0);
  if (name == "last") return Value(loop.index0 + 1 == loop.length);
  if (name == "length") return number(loop.length);
  if (name == "revindex") return number(loop.length - loop.index0);
  if (name == "revindex0") return number(loop.length - loop.index0 - 1);
  if (name == "previtem") return neighbour(loop.index0 > 0, loop.index0 - 1);
  if (name == "nextitem") return neighbour(true, loop.index0 + 1);
  if (name == "depth") return number(1);  // only recursive loops go deeper
  if (name == "depth0") return number(0);
  if (name == "cycle") return Value(std::make_shared<const Function>(Function{"cycle", self, cycle}));
  if (name == "changed") unsupported("loop.changed");
  return Value(Undefined("loop.{}", Undefined::begin_of(name)));
}

std::optional<Value> method(const Value& value, std::string_view name) {
  const Row* row = nullptr;
  if (value.is_string()) row = find_row(kStringMethods, name);
  if (const Sequence* sequence = value.sequence(); sequence != nullptr && sequence->kind == Sequence::kList)
    row = find_row(kListMethods, name);
  if (value.dict() != nullptr) row = find_row(kDictMethods, name);
  if (row == nullptr) return std::nullopt;
  if (row->method == nullptr) unsupported("the method '{}' of a {}", name, type_name(value));
  return Value(std::make_shared<const Function>(Function{std::string(name), value, row->method}));
}

// ---- global functions

Value range(Heap& heap, const Value&, const Arguments& arguments) {
  const Bound bound("range", arguments, {"start", "stop", "step"});
  bound.required(0);
  const bool one = bound.value(1) == nullptr;
  const auto get = [&](size_t index, int64_t fallback) {
    return static_cast<Integer>(bound.integer(index).value_or(fallback));
  };
  const Integer start = one ? 0 : get(0, 0), stop = one ? get(0, 0) : get(1, 0), step = get(2, 1);
  if (step == 0) mistake("range() with step zero");
  const Integer distance = step > 0 ? stop - start : start - stop;
  const Integer count = distance <= 0 ? 0 : (distance - 1) / (step > 0 ? step : -step) + 1;
  if (count > Limits::kRange) mistake("range() of more than {} numbers", Limits::kRange);
  std::vector<Value> items;
  for (Integer i = 0; i < count; ++i) items.emplace_back(start + i * step);
  return heap.sequence(Sequence::kRange, std::move(items));
}

Value make_namespace(Heap& heap, const Value&, const Arguments& arguments) {
  Namespace* made = heap.make_namespace();
  for (const Value& initial : arguments.positional) {
    if (initial.dict() == nullptr) mistake("namespace() takes a mapping or names, found {}", type_name(initial));
    for (const auto& [key, value] : initial.dict()->items) {
      if (!key.is_string()) mistake("the names of a namespace are strings");
      made->set(heap, key.text()->view(), value);
    }
  }
  for (const auto& [name, value] : arguments.named) {
    made->set(heap, name, value);
  }
  return Value(made);
}

Value make_dict(Heap& heap, const Value&, const Arguments& arguments) {
  if (arguments.positional.size() > 1 || (!arguments.positional.empty() && arguments.positional[0].dict() == nullptr)) {
    unsupported("dict() of anything but a mapping and names");
  }
  Dict* dict = heap.dict();
  const auto add = [&](const Value& key, const Value& value) {
    heap.grow(Dict::kEntry);
    dict->set(heap, key, value);
  };
  if (!arguments.positional.empty()) {
    for (const auto& [key, value] : arguments.positional[0].dict()->items) add(key, value);
  }
  for (const auto& [name, value] : arguments.named) add(heap.string(name, true), value);
  return Value(dict);
}

Value raise_exception(Heap& heap, const Value&, const Arguments& arguments) {
  const Text message = print(heap, Bound("raise_exception", arguments, {"message"}).required(0));
  throw Fault(Fault::kRaised, std::string(message.view().substr(0, 2000)));
}

Value strftime_now(Heap& heap, const Value&, const Arguments& arguments) {
  const std::string format(Bound("strftime_now", arguments, {"format"}).required_text(0).view());
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char buffer[1024];
  const size_t written = std::strftime(buffer, sizeof buffer, format.c_str(), &local);
  if (written == 0 && !format.empty()) mistake("strftime_now: the date is empty or too long");
  return heap.string(std::string_view(buffer, written), true);
}

constexpr Row kGlobals[] = {
    {"range", range},
    {"namespace", make_namespace},
    {"dict", make_dict},
    {"raise_exception", raise_exception},
    {"strftime_now", strftime_now},
    {"lipsum", nullptr},
    {"cycler", nullptr},
    {"joiner", nullptr},
};

}  // namespace

Value attribute(Heap& heap, const Value& value, std::string_view name) {
  if (const Undefined* undefined = value.get<Undefined>())
    mistake("{} is undefined, and so has no '{}'", undefined->what(), name);
  if (auto found = method(value, name)) return *found;
  if (const auto* loop = value.get<Loop*>()) return loop_attribute(**loop, value, name);
  if (const auto* space = value.get<Namespace*>()) {
    if (const Value* found = (*space)->find(heap, name)) return *found;
  }
  if (const Dict* dict = value.dict()) {
    if (const Value* found = dict->find(heap, name)) return *found;
  }
  return Value(Undefined("'{}' of a {}", Undefined::begin_of(name), type_name(value)));
}

Value item(Heap& heap, const Value& value, const Value& index) {
  if (const Undefined* undefined = value.get<Undefined>())
    mistake("{} is undefined, and so has no elements", undefined->what());
  if (const auto found = element(heap, value, index)) return *found;
  if (const Text* name = index.text()) {
    if (const auto found = method(value, name->view())) return *found;
    if (value.is<Namespace*>() || value.is<Loop*>()) return attribute(heap, value, name->view());
    return Value(Undefined("'{}' of a {}", Undefined::begin_of(name->view()), type_name(value)));
  }
  return Value(Undefined("an element of a {}", type_name(value)));
}

std::optional<Value> global(std::string_view name) {
  const Row* row = find_row(kGlobals, name);
  if (row == nullptr) return std::nullopt;
  if (row->method == nullptr) unsupported("the function '{}'", name);
  return Value(std::make_shared<const Function>(Function{std::string(name), Value(), row->method}));
}

}  // namespace r1::jinja
