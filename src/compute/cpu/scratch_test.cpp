// What kernels say they will keep for themselves, against what they then do keep: a plan that is too small would have
// them take memory in the middle of a request.
#include <gtest/gtest.h>

#include <deque>

#include "base/random.h"
#include "compute/cpu/attention.h"
#include "compute/cpu/dispatch.h"
#include "compute/cpu/matmul.h"
#include "compute/cpu/pack.h"
#include "compute/reference.h"

namespace r1 {
namespace {

size_t whole_pages(size_t bytes) { return (bytes + 4095) / 4096 * 4096; }

// A matrix of zeros of some type, packed.
Weight zeros(DType dtype, int64_t rows, int64_t cols, ThreadPool& pool) {
  static std::deque<std::vector<std::byte>> bytes;
  bytes.emplace_back(static_cast<size_t>(rows * row_bytes(dtype, cols)));
  return pack_weight({dtype, rows, cols, Tensor(bytes.back().data(), dtype, {rows, cols}), {}, nullptr}, pool);
}

TEST(KernelScratch, LinearKeepsWhatItSaid) {
  constexpr int kThreads = 2;
  ThreadPool pool(kThreads);
  const int64_t widths[] = {256, 512, 1280};
  std::vector<Weight> weights;
  for (const int64_t cols : widths) {
    for (const DType dtype : {DType::F32, DType::BF16, DType::Q8_0, DType::Q4_K})
      weights.push_back(zeros(dtype, 16, cols, pool));
  }
  std::vector<float> x(size_t{1500} * 1280), y(size_t{1500} * 16);
  for (uint64_t trial = 0; trial < 60; ++trial) {
    auto draw = [trial, what = uint64_t{0}](int64_t below) mutable {
      return static_cast<int64_t>(uniform(trial, 3, what++) * static_cast<double>(below));
    };
    std::vector<Projection> projections;
    const int64_t count = 1 + draw(12), all = trial % 10 == 0 ? 1500 : 40;
    for (int64_t i = 0; i < count; ++i) {
      const Weight& weight = weights[static_cast<size_t>(draw(static_cast<int64_t>(weights.size())))];
      const int64_t rows = 1 + draw(all), first = draw(2) * draw(all - rows + 1);  // many begin at the same x
      projections.push_back({Tensor(y.data(), DType::F32, {rows, 16}),
                             &weight,
                             Tensor(x.data() + first * weight.cols, DType::F32, {rows, weight.cols}),
                             {}});
    }
    for (const Kernels* kernels : runnable_kernels()) {
      for (const Precision precision : {Precision::Exact, Precision::Fast}) {
        const size_t said = linear_scratch_bytes(projections, precision, *kernels, kThreads);
        LinearScratch scratch;
        linear(projections, precision, *kernels, pool, scratch);
        const size_t kept = scratch.panels.size() + scratch.tiles.size();
        EXPECT_LE(kept, whole_pages(said) + 4096) << kernels->name << ", trial " << trial;
        LinearScratch reserved;
        reserved.reserve(said, *kernels, kThreads);
        const std::byte* before = reserved.panels.reserve(0);
        linear(projections, precision, *kernels, pool, reserved);
        EXPECT_EQ(reserved.panels.reserve(0), before) << kernels->name << ", trial " << trial;
      }
    }
  }
}

TEST(KernelScratch, AttentionKeepsWhatItSaid) {
  for (const bool absorbed : {false, true}) {
    for (const DType dtype : {DType::F32, DType::BF16}) {
      const AttentionShape shape{8, {absorbed ? 1 : 2, 48, absorbed ? 32 : 48, absorbed, dtype}, 0.1f};
      for (const int threads : {1, 2, 5}) {
        ThreadPool pool(threads);
        std::vector<float> q(size_t{40} * 8 * 48), out(q.size());
        for (const Kernels* kernels : runnable_kernels()) {
          alignas(64) static std::byte page[size_t{1} << 20];
          const std::vector<std::byte*> blocks(100, page);
          for (const int64_t rows : {1, 7, 40}) {
            for (const int64_t end : {40, 1024, 1025, 5000}) {
              // In one sequence, or as many as there are rows.
              std::vector<SequenceRows> one = {{0, rows, end - rows, blocks}}, many;
              for (int64_t i = 0; i < rows; ++i) many.push_back({i, 1, end - 1, blocks});
              const size_t said = attention_scratch_bytes(shape, rows, end, *kernels, threads);
              for (const auto& sequences : {one, many}) {
                ScratchMemory scratch;
                attention(Tensor(out.data(), DType::F32, {rows, int64_t{8} * shape.kv.value_dim}),
                          Tensor(q.data(), DType::F32, {rows, 8 * 48}), shape, sequences, *kernels, pool, scratch);
                EXPECT_LE(scratch.size(), whole_pages(said))
                    << kernels->name << ", " << rows << " rows to " << end << ", " << threads << " threads";
              }
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace r1
