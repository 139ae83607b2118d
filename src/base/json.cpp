#include "base/json.h"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

namespace r1 {
namespace {

struct Place {
  size_t line = 1, column = 1;  // column in bytes
};

Place place_of(std::string_view text, size_t byte) {
  const std::string_view before = text.substr(0, byte);
  const size_t newline = before.rfind('\n');
  return {1 + static_cast<size_t>(std::count(before.begin(), before.end(), '\n')),
          newline == std::string_view::npos ? before.size() + 1 : before.size() - newline};
}

// Depth is checked before anything is built: a megabyte of '[' costs nothing here, and later walks may recurse.
void check_depth(std::string_view text, std::string_view what, const JsonLimits& limits, Exit exit) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > limits.max_depth) {
        const Place at = place_of(text, i);
        fail(exit, "{}: JSON is nested deeper than {} levels at line {}, column {}", what, limits.max_depth, at.line,
             at.column);
      }
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
}

// Builds the value from the parser's events. The library's own builder keeps the last of two equal keys without a word,
// and its ordered objects look for a key by walking all others: quadratic in the vocabulary of a tokenizer.json.
template <typename J>
class Builder final : public nlohmann::json_sax<J> {
 public:
  static constexpr bool kOrdered = std::is_same_v<J, OrderedJson>;

  Builder(std::string_view text, std::string_view what, const JsonLimits& limits, Exit exit)
      : text_(text), what_(what), unique_keys_(limits.unique_keys), exit_(exit) {}

  J take() { return std::move(root_); }

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(typename J::number_integer_t value) override { return put(value); }
  bool number_unsigned(typename J::number_unsigned_t value) override { return put(value); }
  bool number_float(typename J::number_float_t value, const std::string&) override { return put(value); }
  bool string(std::string& value) override { return put(std::move(value)); }
  bool binary(typename J::binary_t&) override { return false; }  // not in JSON text
  bool start_object(size_t) override { return open(J::object()); }
  bool start_array(size_t) override { return open(J::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override;
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception& error) override;

 private:
  struct Level {
    J* container;
    std::unordered_map<std::string, size_t> members;  // of an ordered object: name -> index
  };

  template <typename Value>
  J* place(Value&& value) {
    if (open_.empty()) return &(root_ = J(std::forward<Value>(value)));
    J& top = *open_.back().container;
    if (top.is_object()) return &(*member_ = J(std::forward<Value>(value)));
    auto& array = top.template get_ref<typename J::array_t&>();
    return &array.emplace_back(std::forward<Value>(value));
  }
  template <typename Value>
  bool put(Value&& value) {
    place(std::forward<Value>(value));
    return true;
  }
  bool open(J container) {
    open_.push_back({place(std::move(container)), {}});
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  std::string_view text_, what_;
  bool unique_keys_;
  Exit exit_;
  J root_;
  std::vector<Level> open_;
  J* member_ = nullptr;  // whose key was read last
};

template <typename J>
bool Builder<J>::key(std::string& name) {
  Level& level = open_.back();
  auto& object = level.container->template get_ref<typename J::object_t&>();
  bool is_new = true;
  if constexpr (kOrdered) {
    const auto [found, inserted] = level.members.try_emplace(name, object.size());
    is_new = inserted;
    if (is_new) object.emplace_back(name, nullptr);  // the vector's: the object's own would search
    member_ = &object.begin()[static_cast<std::ptrdiff_t>(found->second)].second;
  } else {
    const auto [found, inserted] = object.try_emplace(name, nullptr);
    is_new = inserted;
    member_ = &found->second;
  }
  if (!is_new && unique_keys_) fail(exit_, "{}: JSON has the key '{}' twice in one object", what_, quotable(name));
  return true;
}

template <typename J>
bool Builder<J>::parse_error(size_t position, const std::string&, const nlohmann::json::exception& error) {
  const Place at = place_of(text_, position > 0 ? position - 1 : 0);
  // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while …": the last part is news.
  std::string_view reason = error.what();
  for (const std::string_view end : {"] ", ": "}) {
    const bool wanted = end == "] " || reason.starts_with("parse error at");
    if (const size_t cut = reason.find(end); wanted && cut != reason.npos) reason.remove_prefix(cut + end.size());
  }
  fail(exit_, "{}: not valid JSON at line {}, column {}: {}", what_, at.line, at.column, quotable(reason));
}

template <typename J>
J parse(std::string_view text, std::string_view what, const JsonLimits& limits, Exit exit) {
  if (text.size() > limits.max_bytes) {
    fail(exit, "{}: JSON of {} bytes is larger than the limit of {}", what, text.size(), limits.max_bytes);
  }
  check_depth(text, what, limits, exit);
  Builder<J> builder(text, what, limits, exit);
  J::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

}  // namespace

std::string quotable(std::string_view text) {
  constexpr size_t kMost = 120;
  std::string shown(text.substr(0, kMost));
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  }
  return text.size() > kMost ? shown + "..." : shown;
}

Json parse_json(std::string_view text, std::string_view what, const JsonLimits& limits, Exit exit) {
  return parse<Json>(text, what, limits, exit);
}

OrderedJson parse_ordered_json(std::string_view text, std::string_view what, const JsonLimits& limits, Exit exit) {
  return parse<OrderedJson>(text, what, limits, exit);
}

}  // namespace r1
