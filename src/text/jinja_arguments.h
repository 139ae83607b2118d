// The arguments of a filter, test, method or function, bound to its parameters' names as Python binds them.
#pragma once

#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#include "text/jinja_value.h"

namespace r1::jinja {

class Bound {
 public:
  // Throws Fault for too many arguments, an unknown name, or a parameter given twice. `arguments` outlives this.
  Bound(std::string_view function, const Arguments& arguments, std::initializer_list<std::string_view> parameters);

  const Value* value(size_t index) const { return values_[index]; }  // null if not given
  const Value& required(size_t index) const;
  // These throw Fault if the argument is of another type; none counts as not given.
  const Text* text(size_t index) const;
  const Text& required_text(size_t index) const;
  std::optional<int64_t> integer(size_t index) const;
  bool flag(size_t index, bool fallback) const;  // by truth

 private:
  bool given(size_t index) const { return values_[index] != nullptr && !values_[index]->is_none(); }

  std::string_view function_;
  std::vector<std::string_view> parameters_;
  std::vector<const Value*> values_;
};

}  // namespace r1::jinja
