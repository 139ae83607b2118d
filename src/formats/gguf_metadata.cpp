#include <bit>
#include <cstring>

#include "formats/gguf.h"

namespace r1 {
namespace {

template <typename T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

bool is_integer(GgufType type) {
  switch (type) {
    case GgufType::U8:
    case GgufType::I8:
    case GgufType::U16:
    case GgufType::I16:
    case GgufType::U32:
    case GgufType::I32:
    case GgufType::U64:
    case GgufType::I64:
      return true;
    default:
      return false;
  }
}

bool is_real(GgufType type) { return type == GgufType::F32 || type == GgufType::F64; }

// A u64 beyond i64 wraps to a negative number, which no key allows.
int64_t integer_at(GgufType type, const std::byte* at) {
  switch (type) {
    case GgufType::U8:
    case GgufType::Bool:
      return load<uint8_t>(at);
    case GgufType::I8:
      return load<int8_t>(at);
    case GgufType::U16:
      return load<uint16_t>(at);
    case GgufType::I16:
      return load<int16_t>(at);
    case GgufType::U32:
      return load<uint32_t>(at);
    case GgufType::I32:
      return load<int32_t>(at);
    default:
      return load<int64_t>(at);
  }
}

double real_at(GgufType type, const std::byte* at) {
  if (type == GgufType::F32) return load<float>(at);
  if (type == GgufType::F64) return load<double>(at);
  return static_cast<double>(integer_at(type, at));
}

std::string_view string_at(const std::byte* at) {
  return {reinterpret_cast<const char*>(at + 8), static_cast<size_t>(load<uint64_t>(at))};
}

// All entries of an array alike: bytes equal to the first entry's.
bool uniform(std::span<const std::byte> bytes, uint64_t count) {
  if (count == 0) return false;
  const size_t size = bytes.size() / count;
  return std::memcmp(bytes.data(), bytes.data() + size, bytes.size() - size) == 0;
}

}  // namespace

std::vector<std::string_view> GgufMetadata::keys() const {
  std::vector<std::string_view> keys;
  for (const auto& [key, value] : values_) keys.push_back(key);
  return keys;
}

const GgufMetadata::Value* GgufMetadata::find(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

void GgufMetadata::wrong_type(std::string_view key, const Value& value, std::string_view wanted) const {
  fail(Exit::kBadModel, "{}: metadata '{}' is {}{}, expected {}", file_, key, value.array ? "an array of " : "",
       name(value.type), wanted);
}

std::optional<std::string_view> GgufMetadata::string(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->array || value->type != GgufType::String) wrong_type(key, *value, "a string");
  return string_at(value->bytes.data());
}

std::optional<int64_t> GgufMetadata::integer(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!is_integer(value->type)) wrong_type(key, *value, "an integer");
  if (value->array && !uniform(value->bytes, value->count)) {
    fail(Exit::kBadModel, "{}: metadata '{}' differs from layer to layer ({}), which r1 does not support", file_, key,
         text(key));
  }
  return integer_at(value->type, value->bytes.data());
}

std::optional<double> GgufMetadata::real(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!is_real(value->type) && !is_integer(value->type)) wrong_type(key, *value, "a number");
  if (value->array && !uniform(value->bytes, value->count)) {
    fail(Exit::kBadModel, "{}: metadata '{}' differs from layer to layer ({}), which r1 does not support", file_, key,
         text(key));
  }
  return real_at(value->type, value->bytes.data());
}

std::optional<bool> GgufMetadata::boolean(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->array || (value->type != GgufType::Bool && !is_integer(value->type))) wrong_type(key, *value, "a bool");
  return integer_at(value->type, value->bytes.data()) != 0;
}

const GgufMetadata::Value* GgufMetadata::find_array(std::string_view key, std::string_view wanted) const {
  const Value* value = find(key);
  if (value != nullptr && !value->array) wrong_type(key, *value, wanted);
  return value;
}

std::vector<std::string_view> GgufMetadata::strings(std::string_view key) const {
  const Value* value = find_array(key, "an array of strings");
  if (value == nullptr) return {};
  if (value->type != GgufType::String) wrong_type(key, *value, "an array of strings");
  std::vector<std::string_view> strings;
  strings.reserve(value->count);
  for (const std::byte* at = value->bytes.data(); strings.size() < value->count;) {
    strings.push_back(string_at(at));
    at += 8 + strings.back().size();
  }
  return strings;
}

std::vector<int64_t> GgufMetadata::integers(std::string_view key) const {
  const Value* value = find_array(key, "an array of integers");
  if (value == nullptr) return {};
  if (!is_integer(value->type) && value->type != GgufType::Bool) wrong_type(key, *value, "an array of integers");
  const size_t size = value->count == 0 ? 0 : value->bytes.size() / value->count;
  std::vector<int64_t> numbers(value->count);
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = integer_at(value->type, value->bytes.data() + i * size);
  return numbers;
}

std::vector<double> GgufMetadata::reals(std::string_view key) const {
  const Value* value = find_array(key, "an array of numbers");
  if (value == nullptr) return {};
  if (!is_integer(value->type) && !is_real(value->type)) wrong_type(key, *value, "an array of numbers");
  const size_t size = value->count == 0 ? 0 : value->bytes.size() / value->count;
  std::vector<double> numbers(value->count);
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = real_at(value->type, value->bytes.data() + i * size);
  return numbers;
}

int64_t GgufMetadata::array_length(std::string_view key) const {
  const Value* value = find_array(key, "an array");
  return value == nullptr ? 0 : static_cast<int64_t>(value->count);
}

std::string_view GgufMetadata::required_string(std::string_view key) const {
  const auto value = string(key);
  if (!value) fail(Exit::kBadModel, "{}: metadata '{}' is missing", file_, key);
  return *value;
}

std::optional<int32_t> GgufMetadata::token_id(std::string_view key) const {
  const auto id = integer(key);
  if (!id || *id < 0 || *id > INT32_MAX) return std::nullopt;
  return static_cast<int32_t>(*id);
}

int64_t GgufMetadata::required_integer(std::string_view key) const {
  const auto value = integer(key);
  if (!value) fail(Exit::kBadModel, "{}: metadata '{}' is missing", file_, key);
  return *value;
}

double GgufMetadata::required_real(std::string_view key) const {
  const auto value = real(key);
  if (!value) fail(Exit::kBadModel, "{}: metadata '{}' is missing", file_, key);
  return *value;
}

std::string GgufMetadata::text(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return "";
  constexpr uint64_t kShown = 8;
  std::string text;
  const std::byte* at = value->bytes.data();
  for (uint64_t i = 0; i < std::min(value->count, kShown); ++i) {
    if (i > 0) text += ", ";
    if (value->type == GgufType::String) {
      const std::string_view entry = string_at(at);
      text += entry.substr(0, 200);
      at += 8 + entry.size();
    } else {
      text += is_real(value->type) ? fmt::format("{:g}", real_at(value->type, at))
                                   : fmt::format("{}", integer_at(value->type, at));
      at += value->bytes.size() / value->count;
    }
  }
  if (value->count > kShown) text += fmt::format(", … ({} in all)", value->count);
  return value->array ? "[" + text + "]" : text;
}

}  // namespace r1
