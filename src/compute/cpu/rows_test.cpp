// The row kernels of every backend against the reference, at odd widths, strides and values; and their bits alone and
// in company.
#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <numeric>

#include "compute/every_backend_test.h"
#include "tensor/quant.h"

namespace r1 {
namespace {

constexpr double kUlp = 1.2e-7;
constexpr int64_t kWidths[] = {1, 2, 10, 15, 16, 17, 64, 100, 576, 1536, 4099};

using EveryBackendRows = EveryBackend;

TEST_P(EveryBackendRows, RmsNorm) {
  ReferenceBackend reference;
  const auto backend = open();
  for (int64_t cols : kWidths) {
    for (int64_t rows : {1, 3, 40}) {
      SCOPED_TRACE(fmt::format("{} x {}", rows, cols));
      Matrix x = Matrix::normal(rows, cols, 1, 3, cols + 5), gain = Matrix::normal(1, cols, 2);
      Matrix y(rows, cols, cols + 2), judge(rows, cols);
      backend->rms_norm(y.tensor(), x.tensor(), gain.vector(), 1e-5f);
      reference.rms_norm(judge.tensor(), x.tensor(), gain.vector(), 1e-5f);
      ASSERT_NO_FATAL_FAILURE(expect_close(y, judge, 6 * kUlp, 0));

      Matrix alone(1, cols);
      backend->rms_norm(alone.tensor(), x.tensor().slice_rows(rows - 1, rows), gain.vector(), 1e-5f);
      ASSERT_TRUE(same_bits(&alone.at(0, 0), &y.at(rows - 1, 0), cols));
      backend->rms_norm(x.tensor(), x.tensor(), gain.vector(), 1e-5f);  // in place
      ASSERT_TRUE(same_bits(&x.at(rows - 1, 0), &y.at(rows - 1, 0), cols));
    }
  }
}

TEST_P(EveryBackendRows, AddIsExact) {
  const auto backend = open();
  for (int64_t cols : kWidths) {
    Matrix a = Matrix::normal(7, cols, 3, 1, cols + 1), b = Matrix::normal(7, cols, 4), y(7, cols);
    backend->add(y.tensor(), a.tensor(), b.tensor());
    for (int64_t r = 0; r < 7; ++r) {
      for (int64_t c = 0; c < cols; ++c) ASSERT_EQ(y.at(r, c), a.at(r, c) + b.at(r, c));
    }
    backend->add(b.tensor(), a.tensor(), b.tensor());
    ASSERT_EQ(b.numbers(), y.numbers());
  }
}

TEST_P(EveryBackendRows, SiluMul) {
  ReferenceBackend reference;
  const auto backend = open();
  for (int64_t cols : kWidths) {
    for (int64_t rows : {1, 5}) {
      SCOPED_TRACE(fmt::format("{} x {}", rows, cols));
      Matrix gate = Matrix::normal(rows, cols, 5, 6, cols + 3), up = Matrix::normal(rows, cols, 6), y(rows, cols),
             judge(rows, cols);
      backend->silu_mul(y.tensor(), gate.tensor(), up.tensor());
      reference.silu_mul(judge.tensor(), gate.tensor(), up.tensor());
      ASSERT_NO_FATAL_FAILURE(expect_close(y, judge, 5 * kUlp, 1e-37));
      Matrix alone(1, cols);
      backend->silu_mul(alone.tensor(), gate.tensor().slice_rows(rows - 1, rows),
                        up.tensor().slice_rows(rows - 1, rows));
      ASSERT_TRUE(same_bits(&alone.at(0, 0), &y.at(rows - 1, 0), cols));
      backend->silu_mul(up.tensor(), gate.tensor(), up.tensor());
      ASSERT_EQ(up.numbers(), y.numbers());
    }
  }
}

TEST_P(EveryBackendRows, SiluOfExtremes) {
  const auto backend = open();
  Matrix gate(1, 8), up(1, 8), y(1, 8);
  gate.numbers() = {0.0f, 1e30f, -1e30f, 88.0f, -88.0f, 100.0f, -104.0f, -1e-20f};
  for (float& x : up.numbers()) x = 1;
  backend->silu_mul(y.tensor(), gate.tensor(), up.tensor());
  const double wanted[] = {0, 1e30, 0, 88, 0, 100, 0, 0};
  for (int c = 0; c < 8; ++c) ASSERT_NEAR(y.at(0, c), wanted[c], std::abs(wanted[c]) * 1e-6 + 1e-19) << gate.at(0, c);
}

TEST_P(EveryBackendRows, Rope) {
  struct Case {
    int heads, head_dim, offset, width;
  };
  ReferenceBackend reference;
  const auto backend = open();
  Matrix cos_sin(50, 64);
  for (const Case c :
       {Case{1, 2, 0, 2}, {3, 10, 0, 10}, {4, 24, 16, 8}, {9, 64, 0, 64}, {2, 192, 128, 64}, {5, 20, 2, 12}}) {
    for (int64_t p = 0; p < 50; ++p) {
      for (int i = 0; i < c.width / 2; ++i) {
        const double angle = static_cast<double>(p) * std::pow(10000.0, -2.0 * i / c.width);
        cos_sin.at(p, i) = static_cast<float>(std::cos(angle));
        cos_sin.at(p, c.width / 2 + i) = static_cast<float>(std::sin(angle));
      }
    }
    const Tensor table = cos_sin.tensor().slice_cols(0, c.width);
    for (RopePairing pairing : {RopePairing::Half, RopePairing::Interleaved}) {
      SCOPED_TRACE(fmt::format("{} heads of {}, {} from {}", c.heads, c.head_dim, c.width, c.offset));
      const int64_t cols = static_cast<int64_t>(c.heads) * c.head_dim;
      Matrix x = Matrix::normal(33, cols, 8, 1, cols + 4), judge = Matrix::normal(33, cols, 8, 1, cols + 4),
             last(1, cols);
      std::vector<int32_t> positions(33);
      for (int i = 0; i < 33; ++i) positions[static_cast<size_t>(i)] = (i * 7) % 50;
      std::copy_n(&x.at(32, 0), cols, &last.at(0, 0));
      backend->rope(x.tensor(), positions, table, c.heads, c.head_dim, c.offset, c.width, pairing);
      reference.rope(judge.tensor(), positions, table, c.heads, c.head_dim, c.offset, c.width, pairing);
      ASSERT_NO_FATAL_FAILURE(
          expect_close(x, judge, 2 * kUlp, 4 * kUlp));  // cancellation: in units of the pair, below 5
      backend->rope(last.tensor(), std::span(positions).subspan(32), table, c.heads, c.head_dim, c.offset, c.width,
                    pairing);
      ASSERT_TRUE(same_bits(&last.at(0, 0), &x.at(32, 0), cols));
    }
  }
}

TEST_P(EveryBackendRows, EmbedDecodesRows) {
  const auto backend = open();
  constexpr int64_t kRows = 37, kCols = 512;
  Matrix numbers = Matrix::normal(kRows, kCols, 9);
  for (DType dtype : {DType::F32, DType::F16, DType::BF16, DType::Q8_0, DType::Q4_K, DType::Q6_K}) {
    SCOPED_TRACE(std::string(name(dtype)));
    std::vector<std::byte> stored(static_cast<size_t>(row_bytes(dtype, kCols) * kRows));
    encode(dtype, numbers.numbers().data(), stored.data(), kRows * kCols);
    std::vector<float> wanted(static_cast<size_t>(kCols));
    Weight table{dtype, kRows,  kCols, Tensor(static_cast<const void*>(stored.data()), dtype, {kRows, kCols}),
                 {},    nullptr};
    table = backend->pack(table);
    const std::array<int32_t, 4> ids = {36, 0, 17, 0};
    Matrix y(4, kCols, kCols + 1);
    backend->embed(y.tensor(), table, ids);
    for (int i = 0; i < 4; ++i) {
      decode(dtype, stored.data() + ids[static_cast<size_t>(i)] * row_bytes(dtype, kCols), wanted.data(), kCols);
      ASSERT_TRUE(same_bits(&y.at(i, 0), wanted.data(), kCols)) << "row " << i;
    }
  }
}

TEST_P(EveryBackendRows, GatherAndCombine) {
  ReferenceBackend reference;
  const auto backend = open();
  for (int64_t cols : kWidths) {
    SCOPED_TRACE(cols);
    constexpr int kPerRow = 3;
    Matrix x = Matrix::normal(20, cols, 10, 1, cols + 3);
    const std::vector<int32_t> index = {19, 3, 3, 0, 7, 11, 12, 4, 5, 6, 18, 2};
    std::vector<float> weights(index.size());
    for (size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(normal(1, 2, i));

    Matrix gathered(12, cols);
    backend->gather_rows(gathered.tensor(), x.tensor(), index);
    for (int64_t r = 0; r < 12; ++r)
      ASSERT_TRUE(same_bits(&gathered.at(r, 0), &x.at(index[static_cast<size_t>(r)], 0), cols));

    Matrix y = Matrix::normal(4, cols, 11), judge = Matrix::normal(4, cols, 11), last(1, cols);
    std::copy_n(&y.at(3, 0), cols, &last.at(0, 0));
    backend->combine_rows(y.tensor(), x.tensor(), index, weights, kPerRow);
    reference.combine_rows(judge.tensor(), x.tensor(), index, weights, kPerRow);
    ASSERT_NO_FATAL_FAILURE(expect_close(y, judge, 2 * kUlp, 12 * kUlp));  // cancellation among terms below 12
    backend->combine_rows(last.tensor(), x.tensor(), std::span(index).subspan(9), std::span(weights).subspan(9),
                          kPerRow);
    ASSERT_TRUE(same_bits(&last.at(0, 0), &y.at(3, 0), cols));
  }
}

TEST_P(EveryBackendRows, RouteIsTheReferences) {
  ReferenceBackend reference;
  const auto backend = open();
  const RouterRule rule{RouterRule::Scores::Sigmoid, RouterRule::Groups::TwoBest, 256, 8, 8, 4, true, 2.5f};
  Matrix logits = Matrix::normal(300, 256, 12), bias = Matrix::normal(1, 256, 13, 0.1f);
  std::vector<int32_t> experts(300 * 8), judge_experts(300 * 8);
  std::vector<float> weights(300 * 8), judge_weights(300 * 8);
  backend->route(logits.tensor(), bias.vector(), rule, experts, weights);
  reference.route(logits.tensor(), bias.vector(), rule, judge_experts, judge_weights);
  EXPECT_EQ(experts, judge_experts);
  EXPECT_EQ(weights, judge_weights);
}

TEST_P(EveryBackendRows, MemoryIsAlignedZeroedAndFinite) {
  const auto backend = open();
  for (size_t bytes : {size_t{1}, size_t{100}, size_t{5} << 20, size_t{70} << 20}) {
    auto* memory = static_cast<unsigned char*>(backend->allocate(bytes));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 64, 0u);
    EXPECT_TRUE(std::all_of(memory, memory + bytes, [](unsigned char byte) { return byte == 0; }));
    std::memset(memory, 1, bytes);
    backend->release(memory, bytes);
  }
  try {
    backend->allocate(size_t{1} << 50);
    FAIL() << "a petabyte was granted";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit(), Exit::kOutOfMemory);
  }
}

R1_EVERY_BACKEND(EveryBackendRows);

}  // namespace
}  // namespace r1
