#include "text/jinja_arguments.h"

#include <algorithm>

namespace r1::jinja {

Bound::Bound(std::string_view function, const Arguments& arguments, std::initializer_list<std::string_view> parameters)
    : function_(function), parameters_(parameters), values_(parameters.size()) {
  if (arguments.positional.size() > parameters_.size()) {
    mistake("'{}' takes at most {} arguments, got {}", function, parameters_.size(), arguments.positional.size());
  }
  for (size_t i = 0; i < arguments.positional.size(); ++i) values_[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    const auto found = std::find(parameters_.begin(), parameters_.end(), name);
    if (found == parameters_.end()) unsupported("the argument '{}' of '{}'", name, function);
    const Value*& place = values_[static_cast<size_t>(found - parameters_.begin())];
    if (place != nullptr) mistake("'{}' got its argument '{}' twice", function, name);
    place = &value;
  }
}

const Value& Bound::required(size_t index) const {
  if (values_[index] == nullptr) mistake("'{}' needs its argument '{}'", function_, parameters_[index]);
  return *values_[index];
}

const Text* Bound::text(size_t index) const {
  if (!given(index)) return nullptr;
  if (!values_[index]->is_string()) {
    mistake("'{}' needs a string as '{}', found {}", function_, parameters_[index], type_name(*values_[index]));
  }
  return values_[index]->text();
}

const Text& Bound::required_text(size_t index) const {
  required(index);
  const Text* found = text(index);
  if (found == nullptr) mistake("'{}' needs a string as '{}', found none", function_, parameters_[index]);
  return *found;
}

std::optional<int64_t> Bound::integer(size_t index) const {
  if (!given(index)) return std::nullopt;
  const auto number = as_integer(*values_[index]);
  if (!number)
    mistake("'{}' needs an integer as '{}', found {}", function_, parameters_[index], type_name(*values_[index]));
  if (*number > INT64_MAX || *number < INT64_MIN)
    mistake("'{}': the argument '{}' is too large", function_, parameters_[index]);
  return static_cast<int64_t>(*number);
}

bool Bound::flag(size_t index, bool fallback) const {
  return values_[index] == nullptr ? fallback : is_true(*values_[index]);
}

}  // namespace r1::jinja
