// Writes a GGUF v3 file: all metadata and tensor infos first, then the tensors' bytes in the same order, then commit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/file.h"
#include "tensor/dtype.h"

namespace r1 {

using GgufValue = std::variant<uint16_t, uint32_t, int32_t, float, bool, std::string, std::vector<std::string>,
                               std::vector<int32_t>, std::vector<float>>;
using GgufPairs = std::vector<std::pair<std::string, GgufValue>>;  // in the file's order, keys unique

struct GgufTensorPlan {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;  // row-major, 1 to 4 extents
  uint64_t bytes() const;
};

class GgufWriter {
 public:
  // Writes everything before the tensors' bytes. Throws Error(kBadModel) for a name beyond the format's limit.
  GgufWriter(const std::filesystem::path& path, const GgufPairs& pairs, std::vector<GgufTensorPlan> tensors);

  // The next bytes of the tensor that is not yet complete; a call does not cross from one tensor to the next.
  void write(std::span<const std::byte> bytes);
  void commit();  // every tensor must be complete

 private:
  void pad();

  AtomicFile file_;
  std::vector<GgufTensorPlan> tensors_;
  size_t current_ = 0;
  uint64_t written_ = 0;  // bytes of the current tensor
};

}  // namespace r1
