#include "text/jinja_value.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "text/jinja_strings.h"

namespace r1::jinja {
namespace {

void check_depth(int depth) {
  if (depth > Limits::kNesting) mistake("a value is nested deeper than {} levels", Limits::kNesting);
}

bool is_key(const Value& value) { return value.is_string() || value.is_none() || as_number(value).has_value(); }

bool equal_items(Heap& heap, const std::vector<Value>& left, const std::vector<Value>& right, int depth) {
  if (left.size() != right.size()) return false;
  for (size_t i = 0; i < left.size(); ++i) {
    if (!equal(heap, left[i], right[i], depth + 1)) return false;
  }
  return true;
}

bool equal_dicts(Heap& heap, const Dict& left, const Dict& right, int depth) {
  if (left.items.size() != right.items.size()) return false;
  for (const auto& [key, value] : left.items) {
    const Value* other = right.find(heap, key);
    if (other == nullptr || !equal(heap, value, *other, depth + 1)) return false;
  }
  return true;
}

bool comparable(const Sequence& a, const Sequence& b) {
  return a.kind == b.kind && (a.kind == Sequence::kList || a.kind == Sequence::kTuple);
}

}  // namespace

// ---- Dict

// Nothing for what is never equal to a key: containers, and a number that is none.
std::optional<Dict::Key> Dict::key_of(const Value& value) {
  if (value.is_none()) return Key(std::monostate());
  if (const Text* text = value.text()) return Key(text->view());
  if (const auto integer = as_integer(value)) return Key(*integer);
  const double* number = value.get<double>();
  if (number == nullptr || std::isnan(*number)) return std::nullopt;
  const bool whole = *number == std::floor(*number) && std::abs(*number) < 0x1p127;
  return whole ? Key(static_cast<Integer>(*number)) : Key(*number);
}

const Value* Dict::find(Heap& heap, const Value& key) const {
  if (const Text* text = key.text()) return find(heap, text->view());
  heap.spend(Limits::kItemWork);
  const auto wanted = key_of(key);
  const auto found = wanted ? index_.find(*wanted) : index_.end();
  return found == index_.end() ? nullptr : &items[found->second].second;
}

const Value* Dict::find(Heap& heap, std::string_view key) const {
  heap.spend(Limits::kItemWork + key.size());
  const auto found = index_.find(Key(key));
  return found == index_.end() ? nullptr : &items[found->second].second;
}

void Dict::set(Heap& heap, Value key, Value value) {
  if (!is_key(key)) unsupported("a {} as the key of a dict", type_name(key));
  heap.spend(Limits::kItemWork + (key.is_string() ? key.text()->size() : 0));
  if (const auto indexed = key_of(key)) {
    const auto [place, fresh] = index_.emplace(*indexed, items.size());
    if (!fresh) {
      items[place->second].second = std::move(value);
      return;
    }
  }
  items.emplace_back(std::move(key), std::move(value));
}

// ---- Namespace

const Value* Namespace::find(Heap& heap, std::string_view name) const {
  heap.spend(Limits::kItemWork + name.size());
  const auto found = members_.find(name);
  return found == members_.end() ? nullptr : &found->second;
}

void Namespace::set(Heap& heap, std::string_view name, Value value) {
  heap.spend(Limits::kItemWork + name.size());
  const auto found = members_.find(name);
  if (found != members_.end()) {
    found->second = std::move(value);
    return;
  }
  heap.grow(sizeof(decltype(members_)::value_type) + 48 + name.size());  // 48: the node's links
  members_.emplace(name, std::move(value));
}

// ---- Heap

void Heap::out_of_work() { mistake("the template does more work than rendering a prompt may take"); }

void Heap::too_deep() { mistake("macros, loops and expressions are nested too deeply"); }

void Heap::hold(size_t bytes) {
  if (bytes > Limits::kMemory || *held_ > Limits::kMemory - bytes) {
    mistake("the template needs more than {} MiB of memory", Limits::kMemory >> 20);
  }
  *held_ += bytes;
}

Value Heap::string(Text text) {
  if (text.size() > Limits::kText) mistake("a string grows beyond {} MiB", Limits::kText >> 20);
  constexpr size_t kOverhead = 128;  // the owner's record and the allocator's
  const size_t bytes = kOverhead + sizeof(Text) + text.memory();
  spend(Limits::kNodeWork + text.size());
  hold(bytes);
  return Value(Value::String(new Text(std::move(text)), [held = held_, bytes](const Text* dead) {
    *held -= bytes;
    delete dead;
  }));
}

Sequence* Heap::input_list() { return &sequences_.emplace_back(); }

Dict* Heap::input_dict() { return &dicts_.emplace_back(); }

Value Heap::sequence(Sequence::Kind kind, std::vector<Value> items) {
  spend((1 + items.size()) * Limits::kItemWork);
  hold(sizeof(Sequence) + items.size() * sizeof(Value));
  sequences_.push_back({kind, std::move(items), 0});
  return Value(&sequences_.back());
}

Dict* Heap::dict() {
  spend(Limits::kItemWork);
  hold(sizeof(Dict));
  return &dicts_.emplace_back();
}

Namespace* Heap::make_namespace() {
  hold(sizeof(Namespace));
  return &namespaces_.emplace_back();
}

Loop* Heap::loop(std::vector<Value> items) {
  hold(sizeof(Loop));
  const size_t length = items.size();
  return &loops_.emplace_back(Loop{std::move(items), length, 0});
}

// ---- What values mean

std::string type_name(const Value& value) {
  static constexpr const char* kNames[] = {"undefined value", "none",   "bool",  "integer",
                                           "float",           "string", "list",  "mapping",
                                           "namespace",       "loop",   "macro", "function"};
  if (const Sequence* sequence = value.sequence()) {
    static constexpr const char* kKinds[] = {"list", "tuple", "range", "view", "generator"};
    return kKinds[sequence->kind];
  }
  return kNames[value.storage().index()];
}

bool is_true(const Value& value) {
  if (const bool* flag = value.get<bool>()) return *flag;
  if (const Integer* integer = value.get<Integer>()) return *integer != 0;
  if (const double* number = value.get<double>()) return *number != 0;
  if (const Text* text = value.text()) return !text->empty();
  if (const Sequence* sequence = value.sequence())
    return sequence->kind == Sequence::kGenerator || !sequence->items.empty();
  if (const Dict* dict = value.dict()) return !dict->items.empty();
  return !value.is_undefined() && !value.is_none();
}

std::optional<Integer> as_integer(const Value& value) {
  if (const bool* flag = value.get<bool>()) return *flag ? 1 : 0;
  if (const Integer* integer = value.get<Integer>()) return *integer;
  return std::nullopt;
}

std::optional<double> as_number(const Value& value) {
  if (const auto integer = as_integer(value)) return static_cast<double>(*integer);
  if (const double* number = value.get<double>()) return *number;
  return std::nullopt;
}

bool equal(Heap& heap, const Value& left, const Value& right, int depth) {
  check_depth(depth);
  heap.spend(Limits::kItemWork);
  if (left.is_undefined() || left.is_none()) return left.storage().index() == right.storage().index();
  if (const auto a = as_integer(left), b = as_integer(right); a && b) return *a == *b;
  if (const auto a = as_number(left), b = as_number(right); a && b) return *a == *b;
  if (left.storage().index() != right.storage().index()) return false;
  if (const Text* text = left.text()) {
    heap.spend(std::min(text->size(), right.text()->size()));
    return text->view() == right.text()->view();
  }
  if (const Sequence* sequence = left.sequence()) {
    if (sequence == right.sequence()) return true;
    return comparable(*sequence, *right.sequence()) &&
           equal_items(heap, sequence->items, right.sequence()->items, depth);
  }
  if (const Dict* dict = left.dict()) return dict == right.dict() || equal_dicts(heap, *dict, *right.dict(), depth);
  if (const auto* space = left.get<Namespace*>()) return *space == *right.get<Namespace*>();
  if (const auto* loop = left.get<Loop*>()) return *loop == *right.get<Loop*>();
  if (const auto* macro = left.get<std::shared_ptr<const Closure>>())
    return *macro == *right.get<std::shared_ptr<const Closure>>();
  return false;
}

bool less(Heap& heap, const Value& left, const Value& right, int depth) {
  check_depth(depth);
  heap.spend(Limits::kItemWork);
  if (const auto a = as_integer(left), b = as_integer(right); a && b) return *a < *b;
  if (const auto a = as_number(left), b = as_number(right); a && b) return *a < *b;
  if (left.is_string() && right.is_string()) {
    heap.spend(std::min(left.text()->size(), right.text()->size()));
    return left.text()->view() < right.text()->view();  // the order of UTF-8 is the order of code points
  }
  if (left.sequence() != nullptr && right.sequence() != nullptr && comparable(*left.sequence(), *right.sequence())) {
    const auto &a = left.sequence()->items, &b = right.sequence()->items;
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
      if (!equal(heap, a[i], b[i], depth + 1)) return less(heap, a[i], b[i], depth + 1);
    }
    return a.size() < b.size();
  }
  mistake("cannot order {} and {}", type_name(left), type_name(right));
}

bool contains(Heap& heap, const Value& container, const Value& value) {
  if (const Text* text = container.text()) {
    if (!value.is_string()) mistake("'in' of a string needs a string, found {}", type_name(value));
    heap.spend(text->size());
    return find_text(text->view(), value.text()->view(), 0) != std::string_view::npos;
  }
  if (const Dict* dict = container.dict()) {
    if (!is_key(value)) mistake("a {} cannot be a key", type_name(value));
    return dict->find(heap, value) != nullptr;
  }
  if (container.sequence() == nullptr && !container.is_undefined())
    mistake("'in' needs a container, found {}", type_name(container));
  const std::vector<Value> items = iterate(heap, container);
  return std::any_of(items.begin(), items.end(), [&](const Value& item) { return equal(heap, item, value); });
}

std::vector<Value> iterate(Heap& heap, const Value& value) {
  std::vector<Value> items;
  if (Sequence* sequence = value.sequence()) {
    heap.spend(sequence->items.size() * Limits::kItemWork);
    items.assign(sequence->items.begin() + static_cast<std::ptrdiff_t>(sequence->walked), sequence->items.end());
    if (sequence->kind == Sequence::kGenerator) sequence->walked = sequence->items.size();
  } else if (const Dict* dict = value.dict()) {
    heap.spend(dict->items.size() * Limits::kItemWork);
    for (const auto& item : dict->items) items.push_back(item.first);
  } else if (const Text* text = value.text()) {
    for (size_t at = 0; at < text->size();) {
      const size_t bytes = character_bytes(text->view(), at);
      heap.spend(Limits::kNodeWork);
      items.push_back(heap.string(text->slice(at, at + bytes)));
      at += bytes;
    }
  } else if (!value.is_undefined()) {
    mistake("cannot loop over {}", type_name(value));
  }
  return items;
}

size_t length(Heap& heap, const Value& value) {
  if (const Text* text = value.text()) {
    heap.spend(text->size());
    return count_characters(text->view());
  }
  if (const Sequence* sequence = value.sequence(); sequence != nullptr && sequence->kind != Sequence::kGenerator) {
    return sequence->items.size();
  }
  if (const Dict* dict = value.dict()) return dict->items.size();
  if (value.is_undefined()) return 0;
  if (const auto* loop = value.get<Loop*>()) return (*loop)->length;
  mistake("a {} has no length", type_name(value));
}

// ---- Printing

std::string number_text(Integer value) { return fmt::format("{}", value); }

std::string number_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[64];
  const auto written = std::to_chars(buffer, buffer + sizeof buffer, std::abs(value), std::chars_format::scientific);
  const std::string_view scientific(buffer, static_cast<size_t>(written.ptr - buffer));
  const size_t e = scientific.find('e');
  int exponent = 0;
  std::from_chars(scientific.data() + e + 1 + (scientific[e + 1] == '+'), scientific.data() + scientific.size(),
                  exponent);
  std::string digits(scientific.substr(0, 1));
  if (e > 2) digits += scientific.substr(2, e - 2);
  const int count = static_cast<int>(digits.size());
  std::string text;
  if (exponent < -4 || exponent >= 16) {
    text = digits.substr(0, 1) + (count > 1 ? "." + digits.substr(1) : "") +
           fmt::format("e{}{:02}", exponent < 0 ? '-' : '+', std::abs(exponent));
  } else if (exponent < 0) {
    text = "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  } else if (count <= exponent + 1) {
    text = digits + std::string(static_cast<size_t>(exponent + 1 - count), '0') + ".0";
  } else {
    text = digits.substr(0, static_cast<size_t>(exponent) + 1) + "." + digits.substr(static_cast<size_t>(exponent) + 1);
  }
  return (std::signbit(value) ? "-" : "") + text;
}

namespace {

void print_quoted(Text& out, const Text& text) {
  const std::string_view view = text.view();
  const bool single = view.find('\'') == view.npos || view.find('"') != view.npos;
  const char quote = single ? '\'' : '"';
  out.append(std::string_view(&quote, 1), false);
  for (size_t at = 0; at < view.size();) {
    const DecodedCharacter c = decode_utf8(view.substr(at));
    const std::string escape = escape_in_repr(c, quote);
    if (escape.empty()) {
      out.append(text, at, at + c.bytes);
    } else {
      out.append(escape, text.literal_at(at));
    }
    at += c.bytes;
  }
  out.append(std::string_view(&quote, 1), false);
}

void print_into(Heap& heap, Text& out, const Value& value, bool nested, int depth);

void print_sequence(Heap& heap, Text& out, const Sequence& sequence, int depth) {
  if (sequence.kind > Sequence::kTuple) {
    mistake("printing the result of a filter, of range() or of a dict's method; |list makes a list of it");
  }
  const bool list = sequence.kind == Sequence::kList;
  out.append(list ? "[" : "(", false);
  for (size_t i = 0; i < sequence.items.size(); ++i) {
    if (i > 0) out.append(", ", false);
    print_into(heap, out, sequence.items[i], true, depth + 1);
  }
  if (!list && sequence.items.size() == 1) out.append(",", false);
  out.append(list ? "]" : ")", false);
}

void print_dict(Heap& heap, Text& out, const Dict& dict, int depth) {
  out.append("{", false);
  for (size_t i = 0; i < dict.items.size(); ++i) {
    if (i > 0) out.append(", ", false);
    print_into(heap, out, dict.items[i].first, true, depth + 1);
    out.append(": ", false);
    print_into(heap, out, dict.items[i].second, true, depth + 1);
  }
  out.append("}", false);
}

// Numbers and the like count as the template's own: they cannot spell a control token, but may complete one ('<|image_'
// ~ n ~ '|>').
void print_into(Heap& heap, Text& out, const Value& value, bool nested, int depth) {
  check_depth(depth);
  heap.spend(Limits::kNodeWork);
  if (out.size() > Limits::kText) mistake("a string grows beyond {} MiB", Limits::kText >> 20);
  if (const Text* text = value.text()) {
    nested ? heap.spend_on_characters(*text) : heap.spend(text->size());
    nested ? print_quoted(out, *text) : out.append(*text);
  } else if (value.is_undefined()) {
    if (nested) out.append("Undefined", true);
  } else if (value.is_none()) {
    out.append("None", true);
  } else if (const bool* flag = value.get<bool>()) {
    out.append(*flag ? "True" : "False", true);
  } else if (const Integer* integer = value.get<Integer>()) {
    out.append(number_text(*integer), true);
  } else if (const double* number = value.get<double>()) {
    out.append(number_text(*number), true);
  } else if (const Sequence* sequence = value.sequence()) {
    print_sequence(heap, out, *sequence, depth);
  } else if (const Dict* dict = value.dict()) {
    print_dict(heap, out, *dict, depth);
  } else {
    mistake("a {} cannot be printed", type_name(value));
  }
}

}  // namespace

Text print(Heap& heap, const Value& value) {
  Text out;
  print_into(heap, out, value, false, 0);
  return out;
}

}  // namespace r1::jinja
