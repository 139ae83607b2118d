// safetensors: one JSON header, then the tensors' bytes without a gap (formats.md 1). Reads one file or the shards of
// an index; every rule of the format is checked before a byte of a tensor is handed out. Tensors may lie at any
// address.
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
#include "tensor/tensor.h"

namespace r1 {

struct SafetensorsTensor {
  std::string dtype;           // as the file names it: "BF16"
  std::vector<int64_t> shape;  // any rank
  std::span<const std::byte> bytes;

  // Present for the types r1 computes with (F32, F16, BF16, F8_E4M3, I32); others are for those who read the bytes.
  std::optional<DType> known_dtype() const;
};

// One file's header, parsed from its bytes alone (which must outlive it). Throws Error(kBadModel) for whatever is
// wrong.
struct SafetensorsHeader {
  SafetensorsHeader(std::span<const std::byte> bytes, const std::string& file);
  std::map<std::string, SafetensorsTensor, std::less<>> tensors;
  std::map<std::string, std::string> metadata;  // "__metadata__"
};

// A mapped file.
class Safetensors {
 public:
  explicit Safetensors(const std::filesystem::path& path);
  const std::string& file() const { return name_; }
  const std::map<std::string, SafetensorsTensor, std::less<>>& tensors() const { return header_.tensors; }
  const std::map<std::string, std::string>& metadata() const { return header_.metadata; }
  const SafetensorsTensor* find(std::string_view name) const;  // null if there is none
  // A view. Throws Error(kBadModel) that names file and tensor for a missing one, a type or a rank that Tensor has not.
  Tensor values(std::string_view name) const;
  const MappedFile& mapping() const { return mapping_; }

 private:
  MappedFile mapping_;
  std::string name_;
  SafetensorsHeader header_;
};

// The files that hold a hub folder's weights: those of model.safetensors.index.json, else model.safetensors alone.
// Checks that index and shards agree. Throws Error(kNotFound) where there are no weights.
std::vector<std::unique_ptr<Safetensors>> open_shards(const std::filesystem::path& folder);

}  // namespace r1
