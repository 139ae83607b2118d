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

// Has the system back every page now, so that what was planned is taken from the start and no fault comes later. What
// is in the memory stays.
void touch_pages(void* memory, size_t bytes);

// Memory that grows on demand and never shrinks; growing forgets what was in it.
class ScratchMemory {
 public:
  ScratchMemory() = default;
  ~ScratchMemory() { release_memory(data_, size_); }
  ScratchMemory(const ScratchMemory&) = delete;
  ScratchMemory& operator=(const ScratchMemory&) = delete;

  // At least `bytes`; a quarter more where it grows again. Throws Error(kOutOfMemory) where it cannot grow.
  std::byte* reserve(size_t bytes);
  size_t size() const { return size_; }

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace r1
