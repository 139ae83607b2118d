// Cut and flipped files: each opens or earns an Error; none crashes, hangs, or makes a reader allocate more than its
// size warrants. The whole path runs: header, hub names, config, every tensor decoded.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>
#include <random>

#include "formats/gguf.h"
#include "formats/safetensors.h"
#include "formats/weight_source.h"
#include "tensor/quant.h"
#include "test_data.h"

namespace {

std::atomic<size_t> g_largest_allocation = 0;

void* allocate(size_t size) {
  size_t largest = g_largest_allocation.load(std::memory_order_relaxed);
  while (size > largest && !g_largest_allocation.compare_exchange_weak(largest, size)) {
  }
  void* memory = std::malloc(size > 0 ? size : 1);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// This test program watches every allocation.
void* operator new(size_t size) { return allocate(size); }
void* operator new[](size_t size) { return allocate(size); }
void* operator new(size_t size, const std::nothrow_t&) noexcept { return std::malloc(size > 0 ? size : 1); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return std::malloc(size > 0 ? size : 1); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }

namespace r1 {
namespace {

std::vector<std::byte> bytes_of(const std::filesystem::path& path) {
  const std::string content = read_file(path);
  const auto* begin = reinterpret_cast<const std::byte*>(content.data());
  return {begin, begin + content.size()};
}

// A file of these bytes that has no name in any folder.
class MemoryFile {
 public:
  explicit MemoryFile(std::span<const std::byte> bytes) : descriptor_(::memfd_create("r1", 0)) {
    R1_CHECK(::write(descriptor_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()), "{} bytes",
             bytes.size());
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::filesystem::path path() const { return fmt::format("/proc/self/fd/{}", descriptor_); }

 private:
  int descriptor_;
};

void decode_all(const Tensor& tensor) {
  std::vector<float> block(static_cast<size_t>(block_elements(tensor.dtype())));
  const int64_t blocks = tensor.elements() / block_elements(tensor.dtype());
  for (int64_t i = 0; i < blocks; ++i) {
    decode(tensor.dtype(), tensor.data() + i * block_bytes(tensor.dtype()), block.data(),
           block_elements(tensor.dtype()));
  }
}

// True if it opened.
bool open_gguf(std::span<const std::byte> bytes, bool decode_too) {
  const MemoryFile file(bytes);
  try {
    const auto source = open_source(file.path());
    for (const std::string& name : source->names()) {
      const auto stored = source->find(name);
      if (decode_too) decode_all(stored->values);
    }
    return true;
  } catch (const Error& error) {
    EXPECT_TRUE(error.exit() == Exit::kBadModel || error.exit() == Exit::kNotFound) << error.what();
    return false;
  }
}

bool open_safetensors(std::span<const std::byte> bytes, bool decode_too) {
  const MemoryFile file(bytes);
  try {
    const Safetensors weights(file.path());
    for (const auto& [name, tensor] : weights.tensors()) {
      const Tensor values = weights.values(name);
      if (decode_too) decode_all(values);
    }
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(error.exit(), Exit::kBadModel) << error.what();
    return false;
  }
}

using Opener = bool (*)(std::span<const std::byte>, bool);

// Every length near the front, then ever sparser ones, and the last bytes again.
void expect_cuts_are_refused(const std::vector<std::byte>& bytes, Opener open, size_t dense) {
  for (size_t size = 0; size < bytes.size(); size += size < dense ? 1 : 1 + size / 23) {
    ASSERT_FALSE(open({bytes.data(), size}, false)) << "cut at " << size;
  }
  for (size_t less = 1; less < 20 && less < bytes.size(); ++less) {
    ASSERT_FALSE(open({bytes.data(), bytes.size() - less}, false)) << "cut by " << less;
  }
}

// Bits flipped in the header: any outcome but a crash will do.
void flip_bytes(std::vector<std::byte> bytes, Opener open, size_t header, int flips, uint32_t seed) {
  std::mt19937 random(seed);
  for (int i = 0; i < flips; ++i) {
    const size_t at = random() % std::min(header, bytes.size());
    const std::byte before = bytes[at];
    bytes[at] = i % 3 == 0 ? std::byte{0xFF} : bytes[at] ^ static_cast<std::byte>(1u << random() % 8);
    open(bytes, i % 16 == 0);
    bytes[at] = before;
  }
}

TEST(Hostile, CutGgufs) {
  int files = 0;
  for (const char* folder : {"models/tiny-llama-gguf/arch", "models/tiny-llama-gguf/quant"}) {
    for (const auto& [name, path] : data_entries(folder)) {
      SCOPED_TRACE(name);
      ++files;
      expect_cuts_are_refused(bytes_of(path), open_gguf, 150);
    }
  }
  if (files == 0) GTEST_SKIP() << "needs models/tiny-llama-gguf";
}

TEST(Hostile, FlippedGgufs) {
  int files = 0;
  for (const auto& [name, path] : data_entries("models/tiny-llama-gguf/arch")) {
    SCOPED_TRACE(name);
    const std::vector<std::byte> bytes = bytes_of(path);
    const std::string path_text = path.string();
    const GgufHeader header(bytes, path_text);
    const auto header_size = static_cast<size_t>(header.tensors.front().bytes.data() - bytes.data());
    flip_bytes(bytes, open_gguf, 600, 100, 1);  // the first keys
    flip_bytes(bytes, open_gguf, header_size, 150, 2);
    ++files;
  }
  if (files == 0) GTEST_SKIP() << "needs models/tiny-llama-gguf";
}

TEST(Hostile, CutAndFlippedSafetensors) {
  int files = 0;
  for (const auto& [name, folder] : data_entries("fixtures")) {
    if (!std::filesystem::is_directory(folder)) continue;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      const auto& path = entry.path();
      if (path.extension() != ".safetensors" || !path.filename().string().starts_with("model")) continue;
      SCOPED_TRACE(path.string());
      ++files;
      const std::vector<std::byte> bytes = bytes_of(path);
      expect_cuts_are_refused(bytes, open_safetensors, 100);
      uint64_t header_size;
      std::memcpy(&header_size, bytes.data(), 8);
      flip_bytes(bytes, open_safetensors, 8 + header_size, 60, 3);
    }
  }
  if (files == 0) GTEST_SKIP() << "needs fixtures";
}

// Sizes that lie about themselves: nothing is reserved on their word.
TEST(Hostile, ClaimsAllocateNothing) {
  R1_DATA_OR_SKIP(path, "models/tiny-llama-gguf/arch/qwen2.gguf");
  const std::vector<std::byte> bytes = bytes_of(path);
  const size_t allowed = 16 * bytes.size() + (size_t{1} << 16);
  std::mt19937 random(4);
  g_largest_allocation = 0;
  for (int i = 0; i < 400; ++i) {
    std::vector<std::byte> lie = bytes;
    const uint64_t huge = i % 4 == 0 ? UINT64_MAX >> (i % 63) : uint64_t{1} << (20 + i % 43);
    std::memcpy(lie.data() + 8 + random() % 4000, &huge, 8);
    open_gguf(lie, false);
  }
  EXPECT_LT(g_largest_allocation, allowed);
  EXPECT_GT(g_largest_allocation, 0u);
}

}  // namespace
}  // namespace r1
