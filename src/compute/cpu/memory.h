// Memory for weights, caches and scratch: zeroed and aligned, on 2 MB pages where the system has them (spec:
// cpu-performance.md 7).
#pragma once

#include <cstddef>

namespace r1 {

// 64-byte aligned, large blocks 2 MB aligned and advised to use huge pages; zeroed. Throws Error(kOutOfMemory).
void* allocate_memory(size_t bytes);
void release_memory(void* memory, size_t bytes) noexcept;

// Memory that grows on demand and never shrinks; growing forgets what was in it.
class Scratch {
 public:
  Scratch() = default;
  ~Scratch() { release_memory(data_, size_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::byte* reserve(size_t bytes);

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace r1
