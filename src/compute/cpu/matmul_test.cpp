// Packed weights and their products, for every type and every kernel set of this machine: rows decode to the stored
// bits, products agree with sums in double, and the bits of a row of y depend on nothing but that row of x.
#include "compute/cpu/matmul.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "base/random.h"
#include "compute/cpu/dispatch.h"
#include "compute/cpu/pack.h"
#include "compute/reference.h"
#include "tensor/quant.h"

namespace r1 {
namespace {

constexpr DType kWeightTypes[] = {DType::F32,  DType::F16,  DType::BF16,   DType::F8_E4M3, DType::Q8_0, DType::Q4_0,
                                  DType::Q4_1, DType::Q5_0, DType::Q5_1,   DType::Q2_K,    DType::Q3_K, DType::Q4_K,
                                  DType::Q5_K, DType::Q6_K, DType::IQ4_NL, DType::IQ4_XS,  DType::MXFP4};

std::vector<float> random_floats(int64_t count, uint64_t stream, double spread = 1) {
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(spread * normal(11, stream, i));
  return values;
}

// A stored matrix with its bytes, at an odd address as in a mapped safetensors file.
struct Stored {
  std::vector<std::byte> bytes;
  std::vector<float> scales;
  Weight weight;

  Stored(DType dtype, int64_t rows, int64_t cols) {
    const int64_t stride = row_bytes(dtype, cols);
    bytes.resize(static_cast<size_t>(rows * stride + 1));
    const auto values = random_floats(rows * cols, static_cast<uint64_t>(rows * 7 + cols), 0.3);
    for (int64_t r = 0; r < rows; ++r) encode(dtype, values.data() + r * cols, bytes.data() + 1 + r * stride, cols);
    weight = {dtype, rows, cols, Tensor(bytes.data() + 1, dtype, {rows, cols}), {}, nullptr};
    if (dtype != DType::F8_E4M3) return;
    const int64_t down = (rows + 127) / 128, across = (cols + 127) / 128;
    scales = random_floats(down * across, 5);
    weight.scales = Tensor(scales.data(), DType::F32, {down, across});
  }
};

struct Shape {
  int64_t rows, cols;
};

std::vector<Shape> shapes_of(DType dtype) {
  if (block_elements(dtype) == 256) return {{16, 256}, {37, 768}, {3, 512}};
  if (block_elements(dtype) == 32) return {{16, 32}, {37, 576}, {5, 1408}, {1, 96}};
  return {{16, 32}, {37, 576}, {5, 12}, {150, 300}, {1, 1}, {33, 1030}};
}

std::vector<float> multiply(const Weight& packed, const std::vector<float>& x, int64_t tokens, Precision precision,
                            const Kernels& kernels, int threads, const std::vector<float>& bias = {}) {
  ThreadPool pool(threads);
  LinearScratch scratch;
  std::vector<float> y(static_cast<size_t>(tokens * packed.rows), NAN);
  const Projection projection = {Tensor(y.data(), DType::F32, {tokens, packed.rows}), &packed,
                                 Tensor(x.data(), DType::F32, {tokens, packed.cols}),
                                 bias.empty() ? Tensor() : Tensor(bias.data(), DType::F32, {packed.rows})};
  linear({&projection, 1}, precision, kernels, pool, scratch);
  return y;
}

// One scale per 32 numbers, as panels.inc.h rounds activations.
std::vector<float> rounded_int8(const std::vector<float>& x, int64_t cols) {
  std::vector<float> rounded(x.size());
  for (size_t row = 0; row < x.size(); row += static_cast<size_t>(cols)) {
    for (int64_t begin = 0; begin < cols; begin += 32) {
      const int64_t end = std::min(cols, begin + 32);
      float most = 0;
      for (int64_t i = begin; i < end; ++i) most = std::max(most, std::fabs(x[row + static_cast<size_t>(i)]));
      for (int64_t i = begin; i < end; ++i) {
        const size_t at = row + static_cast<size_t>(i);
        rounded[at] = most > 1e-30f ? std::nearbyint(x[at] * (127.0f / most)) * (most / 127.0f) : 0;
      }
    }
  }
  return rounded;
}

std::vector<float> rounded_bf16(std::vector<float> x) {
  for (float& value : x) value = bf16_to_f32(f32_to_bf16(value));
  return x;
}

class EveryType : public ::testing::TestWithParam<DType> {};

TEST_P(EveryType, RowsUnpackToTheStoredBits) {
  ThreadPool pool(2);
  for (const Shape shape : shapes_of(GetParam())) {
    const Stored stored(GetParam(), shape.rows, shape.cols);
    const Weight packed = pack_weight(stored.weight, pool);
    EXPECT_TRUE(packed.values.empty());
    std::vector<float> expected(static_cast<size_t>(shape.cols)), found(expected.size());
    for (int64_t r = 0; r < shape.rows; ++r) {
      decode_row(stored.weight, r, expected.data());
      unpack_row(packed, r, found.data());
      EXPECT_EQ(std::memcmp(expected.data(), found.data(), expected.size() * 4), 0)
          << "row " << r << " of " << shape.rows;
    }
  }
}

// Each product against sums in double of the decoded weights and of the activations as the arithmetic rounds them.
TEST_P(EveryType, AgreesWithSumsInDouble) {
  ThreadPool pool(1);
  for (const Kernels* kernels : runnable_kernels()) {
    for (const Shape shape : shapes_of(GetParam())) {
      const Stored stored(GetParam(), shape.rows, shape.cols);
      const Weight packed = pack_weight(stored.weight, pool);
      for (const int64_t tokens : {1, 2, 5, 13}) {
        const auto x = random_floats(tokens * shape.cols, 77), bias = random_floats(shape.rows, 78);
        for (const Precision precision : {Precision::Exact, Precision::Fast}) {
          const auto form = kernels->matmul.types[static_cast<int>(GetParam())].form[static_cast<int>(precision)];
          const auto seen = form == PanelForm::Int8   ? rounded_int8(x, shape.cols)
                            : form == PanelForm::Bf16 ? rounded_bf16(x)
                                                      : x;
          const auto y = multiply(packed, x, tokens, precision, *kernels, 1, bias);
          std::vector<float> w(static_cast<size_t>(shape.cols));
          for (int64_t r = 0; r < shape.rows; ++r) {
            decode_row(stored.weight, r, w.data());
            for (int64_t t = 0; t < tokens; ++t) {
              double sum = static_cast<double>(bias[static_cast<size_t>(r)]), size = std::fabs(sum);
              for (int64_t k = 0; k < shape.cols; ++k) {
                const double term = static_cast<double>(w[static_cast<size_t>(k)]) *
                                    static_cast<double>(seen[static_cast<size_t>(t * shape.cols + k)]);
                sum += term;
                size += std::fabs(term);
              }
              ASSERT_NEAR(static_cast<double>(y[static_cast<size_t>(t * shape.rows + r)]), sum, 4e-6 * size + 1e-30)
                  << kernels->name << " [" << shape.rows << ", " << shape.cols << "], " << tokens << " tokens, row "
                  << r << ", token " << t << (precision == Precision::Exact ? " exact" : " fast");
            }
          }
        }
      }
    }
  }
}

// A row alone, among others, on any number of threads: the same bits.
TEST_P(EveryType, BitsOfARowDependOnThatRowAlone) {
  ThreadPool pool(1);
  const Shape shape = shapes_of(GetParam())[1];
  const Stored stored(GetParam(), shape.rows, shape.cols);
  const Weight packed = pack_weight(stored.weight, pool);
  const auto x = random_floats(127 * shape.cols, 79);
  for (const Kernels* kernels : runnable_kernels()) {
    for (const Precision precision : {Precision::Exact, Precision::Fast}) {
      std::vector<float> alone;
      for (int64_t t = 0; t < 127; ++t) {
        const std::vector<float> row(x.begin() + t * shape.cols, x.begin() + (t + 1) * shape.cols);
        const auto y = multiply(packed, row, 1, precision, *kernels, 1);
        alone.insert(alone.end(), y.begin(), y.end());
      }
      for (const int64_t tokens : {2, 3, 4, 5, 6, 7, 8, 12, 13, 31, 40, 127}) {
        for (const int threads : {1, 3}) {
          const std::vector<float> rows(x.begin(), x.begin() + tokens * shape.cols);
          const auto y = multiply(packed, rows, tokens, precision, *kernels, threads);
          ASSERT_EQ(std::memcmp(y.data(), alone.data(), y.size() * 4), 0)
              << kernels->name << ", " << tokens << " tokens, " << threads << " threads"
              << (precision == Precision::Exact ? ", exact" : ", fast");
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Linear, EveryType, ::testing::ValuesIn(kWeightTypes),
                         [](const auto& param) { return std::string(name(param.param)); });

// Many projections at once: some share x, some have none of the rows, x and y are strided.
TEST(Linear, ManyProjectionsAreIndependent) {
  ThreadPool pool(3);
  LinearScratch scratch;
  const Stored a(DType::Q4_0, 40, 64), b(DType::F32, 17, 64), c(DType::BF16, 24, 32);
  const Weight wa = pack_weight(a.weight, pool), wb = pack_weight(b.weight, pool), wc = pack_weight(c.weight, pool);
  const auto x = random_floats(9 * 96, 80);
  const Tensor wide(x.data(), DType::F32, {9, 96}), left = wide.slice_cols(0, 64), right = wide.slice_cols(64, 96);
  for (const Kernels* kernels : runnable_kernels()) {
    std::vector<float> y(9 * 100, -1);
    const Tensor out(y.data(), DType::F32, {9, 100});
    const std::vector<Projection> projections = {
        {out.slice_cols(0, 40), &wa, left, {}},
        {out.slice_cols(40, 57), &wb, left, {}},
        {out.slice_cols(57, 81), &wc, right, {}},
        {out.slice_rows(0, 0).slice_cols(0, 40), &wa, left.slice_rows(0, 0), {}},
        {out.slice_rows(4, 5).slice_cols(81, 98), &wb, left.slice_rows(7, 8), {}}};
    linear(projections, Precision::Fast, *kernels, pool, scratch);
    const auto check = [&](const Weight& weight, Tensor from, int64_t token, int64_t at, int64_t to) {
      const std::vector<float> row(from.f32(token), from.f32(token) + from.cols());
      const auto expected = multiply(weight, row, 1, Precision::Fast, *kernels, 1);
      EXPECT_EQ(std::memcmp(expected.data(), out.f32(to) + at, expected.size() * 4), 0)
          << kernels->name << " " << at << " " << token;
    };
    for (int64_t t = 0; t < 9; ++t) {
      check(wa, left, t, 0, t);
      check(wb, left, t, 40, t);
      check(wc, right, t, 57, t);
      if (t != 4) {
        EXPECT_EQ(out.f32(t)[81], -1);
      }
    }
    check(wb, left, 7, 81, 4);
    EXPECT_EQ(out.f32(4)[98], -1);
  }
}

TEST(Linear, ZeroAndHugeActivations) {
  ThreadPool pool(1);
  const Stored stored(DType::Q4_K, 16, 256);
  const Weight packed = pack_weight(stored.weight, pool);
  for (const Kernels* kernels : runnable_kernels()) {
    for (const float value : {0.0f, 1e-38f, 1e30f}) {
      const std::vector<float> x(256, value);
      for (const float y : multiply(packed, x, 1, Precision::Fast, *kernels, 1))
        EXPECT_TRUE(std::isfinite(y)) << kernels->name << " " << value;
    }
  }
}

}  // namespace
}  // namespace r1
