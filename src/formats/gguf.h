// GGUF files: a header of typed metadata and tensor infos over mapped bytes, validated whole before anything is used
// (formats.md 2). Reads versions 2 and 3, and split files; opens files of any architecture and of any known tensor
// type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "tensor/dtype.h"
#include "tensor/tensor.h"

namespace r1 {

// The value types of metadata, numbered as in the file.
enum class GgufType : uint32_t { U8, I8, U16, I16, U32, I32, F32, Bool, String, Array, U64, I64, F64 };
std::string_view name(GgufType type);  // "u32", "string", …

// Bytes of a tensor's name, at most.
inline constexpr size_t kMostGgufNameBytes = 63;

// A tensor type of ggml, by its number in the file.
struct GgmlType {
  std::string_view name;       // "Q4_K"; empty for numbers that mean nothing (or no longer)
  std::optional<DType> dtype;  // absent: known, but r1 cannot decode it
};
GgmlType ggml_type(uint32_t number);
uint32_t ggml_type_number(DType dtype);  // of every dtype but F8_E4M3

// The metadata of one file. Every getter throws Error(kBadModel) that names file, key and types when the value is of
// another kind. Views point into the file's bytes and live as long as those.
class GgufMetadata {
 public:
  const std::string& file() const { return file_; }
  bool has(std::string_view key) const { return values_.contains(key); }
  std::vector<std::string_view> keys() const;  // sorted

  // Absent key: nothing. Integers of any width count as integers, integers also as reals. An array whose entries are
  // all equal counts as that one value (some hyperparameters are written once per layer).
  std::optional<std::string_view> string(std::string_view key) const;
  std::optional<int64_t> integer(std::string_view key) const;
  std::optional<int32_t> token_id(std::string_view key) const;  // nothing for what is none: some files write -1
  std::optional<double> real(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;

  // Arrays; an absent key gives an empty one.
  std::vector<std::string_view> strings(std::string_view key) const;
  std::vector<int64_t> integers(std::string_view key) const;
  std::vector<double> reals(std::string_view key) const;
  int64_t array_length(std::string_view key) const;  // 0 for an absent key

  // The same for keys that must be there.
  std::string_view required_string(std::string_view key) const;
  int64_t required_integer(std::string_view key) const;
  double required_real(std::string_view key) const;

  // The value as text, for people: long arrays and strings are cut.
  std::string text(std::string_view key) const;

 private:
  friend class GgufParser;
  struct Value {
    GgufType type = GgufType::U8;  // of the elements, for an array
    bool array = false;
    uint64_t count = 1;
    std::span<const std::byte> bytes;  // validated: exactly `count` elements
  };
  const Value* find(std::string_view key) const;
  const Value* find_array(std::string_view key, std::string_view wanted) const;
  [[noreturn]] void wrong_type(std::string_view key, const Value& value, std::string_view wanted) const;

  std::string file_;
  std::map<std::string_view, Value, std::less<>> values_;
};

struct GgufTensor {
  std::string_view name;
  uint32_t type = 0;                  // ggml's number
  int rank = 0;                       // 1 to 4
  int64_t shape[4] = {1, 1, 1, 1};    // row-major, outermost first: the file's extents reversed
  std::span<const std::byte> bytes;   // empty for types whose size r1 does not know
  const std::string* file = nullptr;  // the part that holds it

  std::string shape_text() const { return r1::shape_text({shape, static_cast<size_t>(rank)}); }
  // A view of the values. Throws Error(kBadModel) that names the type if r1 cannot decode it.
  Tensor values() const;
};

// One file's header, parsed from its bytes alone (which must outlive it). Throws Error(kBadModel) for whatever is
// wrong.
struct GgufHeader {
  GgufHeader(std::span<const std::byte> bytes, const std::string& file);
  uint32_t version = 0;
  GgufMetadata metadata;
  std::vector<GgufTensor> tensors;  // in the file's order
};

// A .gguf file, or all parts of a split one, mapped.
class Gguf {
 public:
  // Any part of a split file opens all of them; every part must lie in the same folder.
  explicit Gguf(const std::filesystem::path& path);
  Gguf(const Gguf&) = delete;
  Gguf& operator=(const Gguf&) = delete;

  const std::string& file() const { return parts_.front()->name; }
  const GgufMetadata& metadata() const { return parts_.front()->header->metadata; }
  const std::vector<const GgufTensor*>& tensors() const { return tensors_; }
  const GgufTensor* find(std::string_view name) const;  // null if there is none
  uint64_t bytes() const;                               // of all parts
  void forget(std::span<const std::byte> part) const;   // MappedFile::forget

 private:
  struct Part {
    explicit Part(const std::filesystem::path& path) : mapping(path), name(path.string()) {}
    MappedFile mapping;
    std::string name;
    std::optional<GgufHeader> header;
  };
  void open_part(const std::filesystem::path& path);
  void open_others(const std::filesystem::path& path, int64_t parts);

  std::vector<std::unique_ptr<Part>> parts_;
  std::vector<const GgufTensor*> tensors_;
  std::map<std::string_view, const GgufTensor*> by_name_;
};

}  // namespace r1
