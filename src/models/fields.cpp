#include "models/fields.h"

#include <cmath>

#include "base/json.h"

namespace r1 {
namespace {

// A value for a sentence: never more than a line of it.
std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

}  // namespace

Fields::Fields(const Json& object, std::string where) : object_(&object), where_(std::move(where)) {
  if (!object.is_object() && !object.is_null()) {
    fail(Exit::kBadModel, "{} is {}, expected an object", where_, shown(object));
  }
}

const Json* Fields::find(std::string_view name) const {
  if (object_->is_null()) return nullptr;
  const auto found = object_->find(name);
  return found == object_->end() || found->is_null() ? nullptr : &*found;
}

std::optional<int64_t> Fields::integer(std::string_view name, int64_t least, int64_t most) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  const std::string expected = fmt::format("an integer from {} to {}", least, most);
  if (!value->is_number_integer()) wrong(name, expected);
  const bool too_large = value->is_number_unsigned() && value->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX);
  const int64_t number = too_large ? INT64_MAX : value->get<int64_t>();
  if (number < least || number > most) wrong(name, expected);
  return number;
}

std::optional<double> Fields::real(std::string_view name, double least, double most) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  const double number = value->is_number() ? value->get<double>() : std::nan("");
  if (!(number >= least && number <= most)) wrong(name, fmt::format("a number from {} to {}", least, most));
  return number;
}

std::optional<bool> Fields::boolean(std::string_view name) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) wrong(name, "true or false");
  return value->get<bool>();
}

std::optional<std::string> Fields::text(std::string_view name) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) wrong(name, "a string");
  return value->get<std::string>();
}

std::optional<Fields> Fields::object(std::string_view name) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_object()) wrong(name, "an object");
  return Fields(*value, fmt::format("{}: {}", where_, name));
}

int64_t Fields::need_integer(std::string_view name, int64_t least, int64_t most) const {
  const auto value = integer(name, least, most);
  if (!value) missing(name);
  return *value;
}

double Fields::need_real(std::string_view name, double least, double most) const {
  const auto value = real(name, least, most);
  if (!value) missing(name);
  return *value;
}

void Fields::missing(std::string_view name) const { fail(Exit::kBadModel, "{}: {} is missing", where_, name); }

void Fields::wrong(std::string_view name, std::string_view expected) const {
  const Json* value = find(name);
  fail(Exit::kBadModel, "{}: {} is {}, expected {}", where_, name, value ? shown(*value) : "missing", expected);
}

}  // namespace r1
