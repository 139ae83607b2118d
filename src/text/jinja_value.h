// Values of the template language, with Python's meaning of truth, equality, order and printing, and the Heap that
// makes them and keeps the books: how much work one rendering has done and how much memory it holds.
//
// Values live within one rendering. Strings are shared and immutable; lists, dicts and namespaces belong to the Heap,
// so that a template may build cycles without leaking.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "text/jinja_fault.h"
#include "text/jinja_text.h"

namespace r1::jinja {

// Python's integers have no bounds. 128 bits hold every number that JSON brings, and an overflow is an error, not a
// wrap.
__extension__ typedef __int128 Integer;

class Heap;
struct Sequence;
struct Dict;
class Namespace;
struct Loop;
struct Closure;  // a macro and the scope it was defined in: the interpreter's
struct Function;

// Carries what was looked for, for errors: "'x' is undefined". Of a name as long as a template cares to make it, the
// beginning. Copies share it.
class Undefined {
 public:
  template <typename... Args>
  explicit Undefined(fmt::format_string<Args...> format, Args&&... args)
      : what_(std::make_shared<const std::string>(fmt::format(format, std::forward<Args>(args)...))) {}
  static std::string_view begin_of(std::string_view name) { return name.substr(0, 100); }

  const std::string& what() const { return *what_; }

 private:
  std::shared_ptr<const std::string> what_;
};
struct None {};

class Value {
 public:
  using String = std::shared_ptr<const Text>;
  using Storage = std::variant<Undefined, None, bool, Integer, double, String, Sequence*, Dict*, Namespace*, Loop*,
                               std::shared_ptr<const Closure>, std::shared_ptr<const Function>>;

  Value() : storage_(None{}) {}
  Value(Undefined value) : storage_(std::move(value)) {}
  explicit Value(bool value) : storage_(value) {}
  Value(Integer value) : storage_(value) {}
  Value(double value) : storage_(value) {}
  Value(String value) : storage_(std::move(value)) {}
  Value(Sequence* value) : storage_(value) {}
  Value(Dict* value) : storage_(value) {}
  Value(Namespace* value) : storage_(value) {}
  Value(Loop* value) : storage_(value) {}
  Value(std::shared_ptr<const Closure> value) : storage_(std::move(value)) {}
  Value(std::shared_ptr<const Function> value) : storage_(std::move(value)) {}

  template <typename T>
  bool is() const {
    return std::holds_alternative<T>(storage_);
  }
  template <typename T>
  const T* get() const {  // null if it is something else
    return std::get_if<T>(&storage_);
  }
  bool is_undefined() const { return is<Undefined>(); }
  bool is_none() const { return is<None>(); }
  bool is_string() const { return is<String>(); }
  const Text* text() const { return is_string() ? std::get<String>(storage_).get() : nullptr; }
  Sequence* sequence() const { return is<Sequence*>() ? std::get<Sequence*>(storage_) : nullptr; }
  Dict* dict() const { return is<Dict*>() ? std::get<Dict*>(storage_) : nullptr; }
  const Storage& storage() const { return storage_; }

 private:
  Storage storage_;
};

// What Python has several types for.
struct Sequence {
  enum Kind {
    kList,
    kTuple,
    kRange,      // range(): cannot be printed or compared here
    kView,       // dict.keys() …: the same, and has no elements by number
    kGenerator,  // map, select …: always true, without a length, and empty after it has been walked
  };
  Kind kind = kList;
  std::vector<Value> items;
  size_t walked = 0;  // of a generator: items before this one are gone
};

// In order of insertion. Keys are strings, numbers, bools or none; numbers of equal value are one key. Looking up and
// setting count as work; whoever sets holds kEntry of memory, but for the input's own dicts.
struct Dict {
  static constexpr size_t kEntry = 4 * sizeof(Value) + 80;  // bytes: `items` grows by doubling; the index has a node

  std::vector<std::pair<Value, Value>> items;
  const Value* find(Heap& heap, const Value& key) const;
  const Value* find(Heap& heap, std::string_view key) const;
  void set(Heap& heap, Value key, Value value);

 private:
  // Ordered, not hashed: no choice of keys makes it slow. Strings are views of the keys in `items`.
  using Key = std::variant<std::monostate, Integer, double, std::string_view>;
  static std::optional<Key> key_of(const Value& value);

  std::map<Key, size_t> index_;
};

class Namespace {
 public:
  const Value* find(Heap& heap, std::string_view name) const;
  void set(Heap& heap, std::string_view name, Value value);

 private:
  std::map<std::string, Value, std::less<>> members_;
};

// The variable `loop` inside a for. A template may keep it beyond the loop's end; then its items are gone.
struct Loop {
  std::vector<Value> items;
  size_t length = 0, index0 = 0;
};

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

// A global function, or a method bound to its value.
struct Function {
  std::string name;
  Value self;
  Value (*call)(Heap& heap, const Value& self, const Arguments& arguments);
};

class Heap {
 public:
  Heap() = default;
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  // Counts work; throws Fault when a rendering has done too much.
  void spend(size_t work) {
    work_ += static_cast<int64_t>(work);
    if (work_ > Limits::kWork) out_of_work();
  }

  // Counts the work of an operation that reads a text character by character.
  void spend_on_characters(const Text& text) { spend(text.size() * Limits::kItemWork); }

  Value string(Text text);  // throws Fault above Limits::kText
  Value string(std::string_view bytes, bool literal) { return string(Text(bytes, literal)); }
  Value sequence(Sequence::Kind kind, std::vector<Value> items);
  Value list(std::vector<Value> items) { return sequence(Sequence::kList, std::move(items)); }
  Value tuple(std::vector<Value> items) { return sequence(Sequence::kTuple, std::move(items)); }
  Dict* dict();
  Sequence* input_list();  // empty; these two are not counted as the template's memory, nor is what is put into them
  Dict* input_dict();
  Namespace* make_namespace();
  Loop* loop(std::vector<Value> items);  // the items are counted by who drops them
  // To be called before a container grows by so many bytes. Containers live until the rendering ends.
  void grow(size_t bytes) { hold(bytes); }

  // Memory that is needed until the end of a C++ block in which more of the template may run.
  class Held {
   public:
    explicit Held(Heap& heap, size_t bytes = 0) : heap_(heap) { grow(bytes); }
    ~Held() { *heap_.held_ -= bytes_; }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

    void grow(size_t bytes) {
      heap_.hold(bytes);
      bytes_ += bytes;
    }

   private:
    Heap& heap_;
    size_t bytes_ = 0;
  };

  // Whatever recurses while a template runs holds one.
  class Level {
   public:
    explicit Level(Heap& heap) : heap_(heap) {
      if (++heap_.depth_ > Limits::kDepth) too_deep();
    }
    ~Level() { --heap_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Heap& heap_;
  };

 private:
  [[noreturn]] static void out_of_work();
  [[noreturn]] static void too_deep();
  void hold(size_t bytes);

  int64_t work_ = 0;
  int depth_ = 0;
  // Shared with the deleters of strings: a string that a fault carries outwards may die after the heap.
  std::shared_ptr<size_t> held_ = std::make_shared<size_t>(0);
  std::deque<Sequence> sequences_;
  std::deque<Dict> dicts_;
  std::deque<Namespace> namespaces_;
  std::deque<Loop> loops_;
};

std::string type_name(const Value& value);  // "string", "list" … for errors
bool is_true(const Value& value);
bool equal(Heap& heap, const Value& left, const Value& right, int depth = 0);
bool less(Heap& heap, const Value& left, const Value& right, int depth = 0);  // Fault unless both are of a kind
bool contains(Heap& heap, const Value& container, const Value& value);        // `value in container`
std::optional<double> as_number(const Value& value);                          // bool, integer or float
std::optional<Integer> as_integer(const Value& value);                        // bool or integer

// The elements that a loop visits: of sequences, a dict's keys, a string's characters, nothing of undefined. Empties a
// generator.
std::vector<Value> iterate(Heap& heap, const Value& value);
// len(): characters of a string.
size_t length(Heap& heap, const Value& value);

// As `{{ value }}` prints it (Python's str), and as it stands inside a printed list (Python's repr).
Text print(Heap& heap, const Value& value);
std::string number_text(Integer value);
std::string number_text(double value);  // shortest that reads back the same, in Python's notation

}  // namespace r1::jinja
