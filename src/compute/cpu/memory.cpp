#include "compute/cpu/memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/error.h"

namespace r1 {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

[[noreturn]] void out_of_memory(size_t bytes) {
  fail(Exit::kOutOfMemory, "out of memory: {:.1f} MB more were needed", static_cast<double>(bytes) / 1e6);
}

// Pages of their own, starting at a multiple of 2 MB: a bit more is mapped and the ends are given back.
void* map_pages(size_t bytes) {
  const size_t mapped = bytes + kHugePage;
  void* base = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) out_of_memory(bytes);
  const auto begin = reinterpret_cast<uintptr_t>(base);
  const uintptr_t aligned = (begin + kHugePage - 1) & ~(kHugePage - 1);
  if (aligned > begin) ::munmap(base, aligned - begin);
  const uintptr_t end = aligned + bytes;
  if (begin + mapped > end) ::munmap(reinterpret_cast<void*>(end), begin + mapped - end);
  ::madvise(reinterpret_cast<void*>(aligned), bytes, MADV_HUGEPAGE);  // a wish: without it everything works, slower
  return reinterpret_cast<void*>(aligned);
}

bool is_large(size_t bytes) { return bytes >= kHugePage; }
size_t round_up(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

}  // namespace

void* allocate_memory(size_t bytes) {
  if (bytes > PTRDIFF_MAX - kHugePage) out_of_memory(bytes);
  if (is_large(bytes)) return map_pages(round_up(bytes, 4096));
  const size_t rounded = round_up(bytes == 0 ? 1 : bytes, 64);
  void* memory = std::aligned_alloc(64, rounded);
  if (memory == nullptr) out_of_memory(bytes);
  std::memset(memory, 0, rounded);
  return memory;
}

void release_memory(void* memory, size_t bytes) noexcept {
  if (memory == nullptr) return;
  if (is_large(bytes)) {
    ::munmap(memory, round_up(bytes, 4096));
  } else {
    std::free(memory);
  }
}

std::byte* Scratch::reserve(size_t bytes) {
  if (bytes > size_) {
    release_memory(data_, size_);
    data_ = nullptr;
    size_ = 0;
    const size_t grown = round_up(bytes + bytes / 4, 4096);
    data_ = allocate_memory(grown);
    size_ = grown;
  }
  return static_cast<std::byte*>(data_);
}

}  // namespace r1
