// Memory for weights, caches and scratch: zeroed and aligned, on 2 MB pages where the system has them (spec:
// cpu-performance.md 7).
#pragma once

#include <cstddef>

namespace r1 {

// Zeroed and 64-byte aligned. From 1 MB on: an anonymous mapping of its own, 2 MB aligned, with huge pages asked for
// before first touch, returned to the system on release. Throws Error(kOutOfMemory) when the system refuses, or when
// more is wanted than the machine or our control group has left: the system would grant it all the same, and kill us
// later.
void* allocate_memory(size_t bytes);
void release_memory(void* memory, size_t bytes) noexcept;  // `bytes` as asked for

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
