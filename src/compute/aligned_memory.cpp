#include "compute/aligned_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>

#include "base/error.h"
#include "base/memory.h"

namespace r1 {
namespace {

constexpr std::align_val_t kSmallAlignment{64};
constexpr size_t kLarge = size_t{1} << 20;
constexpr size_t kWatched = size_t{16} << 20;  // smaller blocks are not worth asking what is left
constexpr size_t kHugePage = size_t{2} << 20;

size_t whole_pages(size_t bytes) { return (bytes + 4095) / 4096 * 4096; }

[[noreturn]] void refuse(size_t bytes) {
  constexpr double kGigabyte = 1e9;
  fail(Exit::kOutOfMemory, "out of memory: {:.2f} GB more are needed, {:.2f} GB are available",
       static_cast<double>(bytes) / kGigabyte, static_cast<double>(available_memory()) / kGigabyte);
}

// A mapping whose address is a multiple of 2 MB: maps that much more and returns both ends.
void* map_aligned(size_t bytes) {
  const size_t size = whole_pages(bytes), room = size + kHugePage;
  if (room < bytes) return nullptr;
  void* mapped = ::mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  auto* begin = static_cast<std::byte*>(mapped);
  const size_t skip = (kHugePage - reinterpret_cast<uintptr_t>(begin) % kHugePage) % kHugePage;
  if (skip > 0) ::munmap(begin, skip);
  if (room - skip > size) ::munmap(begin + skip + size, room - skip - size);
  if (size >= kHugePage) ::madvise(begin + skip, size, MADV_HUGEPAGE);  // a refusal costs speed only
  return begin + skip;
}

}  // namespace

void* allocate_memory(size_t bytes) {
  if (bytes < kLarge) {
    void* memory = ::operator new(bytes, kSmallAlignment, std::nothrow);
    if (memory == nullptr) refuse(bytes);
    return std::memset(memory, 0, bytes);
  }
  void* memory = bytes >= kWatched && bytes > available_memory() ? nullptr : map_aligned(bytes);
  if (memory == nullptr) refuse(bytes);
  return memory;
}

void release_memory(void* memory, size_t bytes) noexcept {
  if (memory == nullptr) return;
  if (bytes < kLarge) {
    ::operator delete(memory, kSmallAlignment);
  } else {
    ::munmap(memory, whole_pages(bytes));
  }
}

void touch_pages(void* memory, size_t bytes) {
  auto* begin = static_cast<volatile std::byte*>(memory);
  for (size_t at = 0; at < bytes; at += 4096) begin[at] = begin[at];
}

std::byte* ScratchMemory::reserve(size_t bytes) {
  if (bytes > size_) {
    const size_t grown = whole_pages(size_ == 0 ? bytes : bytes + bytes / 4);  // the first time as planned
    release_memory(data_, size_);
    data_ = nullptr;
    size_ = 0;
    data_ = allocate_memory(grown);
    size_ = grown;
  }
  return static_cast<std::byte*>(data_);
}

}  // namespace r1
