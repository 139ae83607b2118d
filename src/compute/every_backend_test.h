// EveryBackend: what the kernel tests share. A test written on it runs on the reference backend and on the CPU backend
// with every kernel set that this machine has; the reference is the judge.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "compute/backend.h"
#include "compute/reference.h"

namespace r1 {

// The CPU backend on one kernel set, or the reference.
inline std::unique_ptr<Backend> open_kernel_set(const std::string& set, int threads) {
  if (set == "reference") return std::make_unique<ReferenceBackend>();
  const char* before = std::getenv("R1_ISA");
  const std::string kept = before == nullptr ? "" : before;
  ::setenv("R1_ISA", set.c_str(), 1);
  std::unique_ptr<Backend> backend = open_backend("cpu", threads);
  before == nullptr ? ::unsetenv("R1_ISA") : ::setenv("R1_ISA", kept.c_str(), 1);
  return backend;
}

class EveryBackend : public ::testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Backend> open(int threads = 2) const { return open_kernel_set(GetParam(), threads); }
};

inline std::vector<std::string> kernel_sets_to_test(bool with_reference) {
  std::vector<std::string> sets(kernel_sets().begin(), kernel_sets().end());
  if (!with_reference) std::erase(sets, "reference");
  return sets;
}

#define R1_EVERY_BACKEND(suite)                                                               \
  INSTANTIATE_TEST_SUITE_P(Sets, suite, ::testing::ValuesIn(::r1::kernel_sets_to_test(true)), \
                           [](const auto& info) { return info.param; })
#define R1_EVERY_KERNEL_SET(suite)                                                             \
  INSTANTIATE_TEST_SUITE_P(Sets, suite, ::testing::ValuesIn(::r1::kernel_sets_to_test(false)), \
                           [](const auto& info) { return info.param; })

// A matrix that owns its numbers. `stride` columns lie between rows (0: dense).
class Matrix {
 public:
  Matrix(int64_t rows, int64_t cols, int64_t stride = 0)
      : rows_(rows),
        cols_(cols),
        stride_(stride == 0 ? cols : stride),
        numbers_(static_cast<size_t>(std::max<int64_t>(rows * stride_, 1))) {}

  // Standard normal numbers, a function of the seed.
  static Matrix normal(int64_t rows, int64_t cols, uint64_t seed, float scale = 1, int64_t stride = 0) {
    Matrix matrix(rows, cols, stride);
    for (size_t i = 0; i < matrix.numbers_.size(); ++i)
      matrix.numbers_[i] = scale * static_cast<float>(r1::normal(seed, 7, i));
    return matrix;
  }

  Tensor tensor() {
    return Tensor(static_cast<void*>(numbers_.data()), DType::F32, {rows_, stride_}).slice_cols(0, cols_);
  }
  // The numbers as a vector (a tensor of one extent), for gains and biases.
  Tensor vector() { return Tensor(static_cast<void*>(numbers_.data()), DType::F32, {rows_ * cols_}); }
  float& at(int64_t row, int64_t col) { return numbers_[static_cast<size_t>(row * stride_ + col)]; }
  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  std::vector<float>& numbers() { return numbers_; }

 private:
  int64_t rows_, cols_, stride_;
  std::vector<float> numbers_;
};

// |found - wanted| <= relative * |wanted| + absolute, everywhere.
inline void expect_close(Matrix& found, Matrix& wanted, double relative, double absolute) {
  ASSERT_EQ(found.rows(), wanted.rows());
  ASSERT_EQ(found.cols(), wanted.cols());
  for (int64_t r = 0; r < wanted.rows(); ++r) {
    for (int64_t c = 0; c < wanted.cols(); ++c) {
      const double want = wanted.at(r, c), bound = relative * std::abs(want) + absolute;
      ASSERT_NEAR(found.at(r, c), want, bound) << "row " << r << " column " << c;
    }
  }
}

inline bool same_bits(const float* a, const float* b, int64_t count) {
  return std::memcmp(a, b, static_cast<size_t>(count) * sizeof(float)) == 0;
}

}  // namespace r1
