// Writes one safetensors file: the header for tensors that are known by type and shape, then their bytes, then commit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "tensor/dtype.h"

namespace r1 {

struct SafetensorsPlan {
  std::string name;
  DType dtype;  // F32, F16, BF16, F8_E4M3 or I32
  std::vector<int64_t> shape;
  uint64_t bytes() const;
};

// The order in which a file holds its tensors: widest type first, then by name, so that each is aligned.
void sort_for_file(std::vector<SafetensorsPlan>* tensors);

class SafetensorsWriter {
 public:
  // Writes the header. `tensors` must be in the order of sort_for_file.
  SafetensorsWriter(const std::filesystem::path& path, const std::vector<SafetensorsPlan>& tensors,
                    const std::map<std::string, std::string>& metadata = {{"format", "pt"}});

  void write(std::span<const std::byte> bytes);  // the tensors' bytes, in order
  void commit();                                 // all bytes must have been written

 private:
  AtomicFile file_;
  uint64_t expected_ = 0;  // size of the whole file
};

}  // namespace r1
