#include "compute/arena.h"

#include <gtest/gtest.h>

#include <cstring>

#include "compute/reference.h"

namespace r1 {
namespace {

// Counts what is allocated and not yet released.
class CountingBackend : public ReferenceBackend {
 public:
  void* allocate(size_t bytes) override {
    held += bytes;
    ++calls;
    return ReferenceBackend::allocate(bytes);
  }
  void release(void* memory, size_t bytes) noexcept override {
    held -= bytes;
    ReferenceBackend::release(memory, bytes);
  }
  size_t held = 0;
  int calls = 0;
};

TEST(Arena, TakesAlignedMemoryThatDoesNotOverlap) {
  CountingBackend backend;
  Arena arena(backend);
  std::vector<std::pair<std::byte*, size_t>> taken;
  for (size_t bytes : {0, 1, 63, 64, 65, 1000, 3 << 20, 5, 9 << 20, 7}) {
    auto* memory = static_cast<std::byte*>(arena.take(bytes));
    ASSERT_NE(memory, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 64, 0u);
    std::memset(memory, static_cast<int>(taken.size()), bytes);
    taken.emplace_back(memory, bytes);
  }
  for (size_t i = 0; i < taken.size(); ++i) {
    for (size_t k = 0; k < taken[i].second; ++k)
      ASSERT_EQ(taken[i].first[k], std::byte(i)) << "piece " << i << " byte " << k;
  }
}

TEST(Arena, OneChunkHoldsEverythingAfterReset) {
  CountingBackend backend;
  Arena arena(backend);
  for (int i = 0; i < 100; ++i) arena.take(300'000);
  const size_t peak = arena.peak();
  EXPECT_EQ(peak, arena.used());
  EXPECT_GE(peak, 30'000'000u);
  arena.reset();
  EXPECT_EQ(arena.used(), 0u);
  EXPECT_EQ(arena.peak(), peak);

  const int calls = backend.calls;
  for (int pass = 0; pass < 3; ++pass) {
    for (int i = 0; i < 100; ++i) arena.take(300'000);
    arena.reset();
  }
  EXPECT_EQ(backend.calls, calls + 1);
  EXPECT_EQ(backend.held, peak);
}

TEST(Arena, ReserveMakesTheOnlyChunk) {
  CountingBackend backend;
  Arena arena(backend);
  arena.reserve(40'000'000);
  for (int i = 0; i < 100; ++i) arena.take(300'000);
  EXPECT_EQ(backend.calls, 1);
  EXPECT_EQ(backend.held, 40'000'000u);
}

TEST(Arena, RewindGivesBackWhatCameAfterTheMark) {
  CountingBackend backend;
  Arena arena(backend);
  auto* kept = static_cast<std::byte*>(arena.take(1000));
  std::memset(kept, 1, 1000);
  const Arena::Mark mark = arena.mark();
  void* first = arena.take(500);
  arena.rewind(mark);
  EXPECT_EQ(arena.take(500), first);
  arena.rewind(mark);
  // Across chunks: scratch that outgrows the chunk is not leaked when it is taken again, larger each time.
  for (size_t bytes = 2 << 20; bytes < size_t{40} << 20; bytes += 3 << 20) {
    std::memset(arena.take(bytes), 2, bytes);
    arena.rewind(mark);
  }
  EXPECT_EQ(arena.used(), mark.used);
  EXPECT_LT(backend.held, size_t{90} << 20);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(kept[i], std::byte{1});
}

TEST(Arena, GivesEverythingBack) {
  CountingBackend backend;
  {
    Arena arena(backend);
    arena.take(5 << 20);
    arena.take(50 << 20);
  }
  EXPECT_EQ(backend.held, 0u);
}

TEST(Arena, MakesTensors) {
  CountingBackend backend;
  Arena arena(backend);
  const Tensor x = arena.tensor({3, 5});
  EXPECT_EQ(x.rows(), 3);
  EXPECT_EQ(x.cols(), 5);
  EXPECT_EQ(x.dtype(), DType::F32);
  x.f32(2)[4] = 1;
  EXPECT_EQ(arena.tensor({2, 64}, DType::BF16).bytes(), 256);
}

}  // namespace
}  // namespace r1
