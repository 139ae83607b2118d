#include "compute/cpu/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>
#include <new>
#include <string>

#include "base/error.h"

namespace r1 {
namespace {

constexpr std::align_val_t kSmallAlignment{64};
constexpr size_t kLarge = size_t{1} << 20;
constexpr size_t kWatched = size_t{16} << 20;  // smaller blocks are not worth asking what is left
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kUnlimited = std::numeric_limits<size_t>::max();

size_t whole_pages(size_t bytes) { return (bytes + 4095) / 4096 * 4096; }

// The number behind `field` in a file of "name number" lines; kUnlimited if there is none.
size_t number_behind(const std::string& path, std::string_view field) {
  std::ifstream file(path);
  std::string name, rest;
  size_t number = 0;
  while (file >> name >> number) {
    if (name == field) return number;
    std::getline(file, rest);
  }
  return kUnlimited;
}

size_t number_in(const std::string& path) {
  std::ifstream file(path);
  size_t number = 0;
  return file >> number ? number : kUnlimited;  // also for "max"
}

// What the control group (version 2) at `folder` has left. Cached files are given up under pressure: they do not count
// as used.
size_t left_in_group(const std::string& folder) {
  const size_t limit = number_in(folder + "/memory.max");
  if (limit == kUnlimited) return kUnlimited;
  const size_t used = number_in(folder + "/memory.current"), cached = number_behind(folder + "/memory.stat", "file");
  if (used == kUnlimited) return limit;
  const size_t kept = used - std::min(used, cached == kUnlimited ? 0 : cached);
  return limit - std::min(limit, kept);
}

size_t left_in_groups() {
  std::ifstream file("/proc/self/cgroup");
  size_t left = left_in_group("/sys/fs/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("0::/", 0) != 0) continue;
    for (std::string path = line.substr(3); path.size() > 1; path.resize(path.rfind('/'))) {
      left = std::min(left, left_in_group("/sys/fs/cgroup" + path));
    }
  }
  return left;
}

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

size_t available_memory() {
  const size_t kilobytes = number_behind("/proc/meminfo", "MemAvailable:");
  return std::min(kilobytes == kUnlimited ? kUnlimited : kilobytes * 1024, left_in_groups());
}

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

std::byte* Scratch::reserve(size_t bytes) {
  if (bytes > size_) {
    release_memory(data_, size_);
    data_ = nullptr;
    size_ = 0;
    const size_t grown = whole_pages(bytes + bytes / 4);
    data_ = allocate_memory(grown);
    size_ = grown;
  }
  return static_cast<std::byte*>(data_);
}

}  // namespace r1
