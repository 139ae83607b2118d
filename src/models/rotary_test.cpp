#include "models/rotary.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "compute/reference.h"

namespace r1 {
namespace {

using Scaling = RopeConfig::Scaling;

RopeConfig plain(int width, double theta) {
  RopeConfig rope;
  rope.width = width;
  rope.theta = theta;
  return rope;
}

std::vector<float> turned(RopePairing pairing, std::vector<float> x, int32_t position) {
  const Rotary rotary(plain(4, 10000));
  std::vector<float> table(4);
  const Tensor cos_sin(table.data(), DType::F32, {1, 4});
  rotary.fill(cos_sin, {&position, 1});
  const int32_t row = 0;
  ReferenceBackend backend;
  backend.rope(Tensor(x.data(), DType::F32, {1, 4}), {&row, 1}, cos_sin, 1, 4, 0, 4, pairing);
  return x;
}

void expect_near(const std::vector<float>& found, const std::vector<double>& wanted, double tolerance) {
  ASSERT_EQ(found.size(), wanted.size());
  for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], wanted[i], tolerance) << i;
}

// model.md 3.3
TEST(Rotary, BothPairings) {
  expect_near(turned(RopePairing::Interleaved, {1, 2, 3, 4}, 3), {-1.272233, -1.838865, 2.878668, 4.088187}, 1e-6);
  expect_near(turned(RopePairing::Half, {1, 2, 3, 4}, 3), {-1.413353, 1.879118, -2.828857, 4.058191}, 1e-6);
}

// model.md 3.4
TEST(Rotary, Llama3Divisors) {
  RopeConfig rope = plain(128, 500000);
  const Rotary unscaled(rope);
  rope.scaling = Scaling::Llama3;
  rope.factor = 8;
  rope.original_context = 8192;
  const Rotary scaled(rope);
  const auto divisor = [&](size_t i) { return unscaled.frequencies()[i] / scaled.frequencies()[i]; };
  for (size_t i = 0; i <= 28; ++i) EXPECT_DOUBLE_EQ(divisor(i), 1) << i;
  const double between[] = {1.207484, 1.553415, 2.026313, 2.694530, 3.684253, 5.257327};
  for (size_t i = 29; i <= 34; ++i) EXPECT_NEAR(divisor(i), between[i - 29], 1e-6) << i;
  for (size_t i = 35; i <= 63; ++i) EXPECT_DOUBLE_EQ(divisor(i), 8) << i;
}

TEST(Rotary, LinearAndDivisors) {
  RopeConfig rope = plain(8, 10000);
  const Rotary unscaled(rope);
  rope.scaling = Scaling::Linear;
  rope.factor = 4;
  const Rotary linear(rope);
  rope.scaling = Scaling::Divisors;
  const std::vector<float> divisors = {1, 2, 4, 8};
  const Rotary divided(rope, divisors);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_DOUBLE_EQ(linear.frequencies()[i], unscaled.frequencies()[i] / 4);
    EXPECT_DOUBLE_EQ(divided.frequencies()[i], unscaled.frequencies()[i] / divisors[i]);
  }
}

// model.md 3.5: DeepSeek-R1
TEST(Rotary, YarnOfR1) {
  RopeConfig rope = plain(64, 10000);
  rope.scaling = Scaling::Yarn;
  rope.factor = 40;
  rope.original_context = 4096;
  const Rotary rotary(rope);
  const auto f = rotary.frequencies();
  const std::pair<size_t, double> wanted[] = {
      {0, 1},       {1, 0.749894209},    {9, 0.0749894209},   {10, 0.0562341325}, {11, 0.0390069266},
      {16, 0.0055}, {22, 1.77827941e-4}, {23, 3.33380358e-5}, {24, 2.5e-5},       {31, 3.33380358e-6}};
  for (const auto& [i, value] : wanted) EXPECT_NEAR(f[i] / value, 1, 1e-8) << i;
}

// model.md 3.5: Qwen3-8B's ramp goes from 23 to 40
TEST(Rotary, YarnRampOfQwen3) {
  RopeConfig rope = plain(128, 1e6);
  const Rotary unscaled(rope);
  rope.scaling = Scaling::Yarn;
  rope.factor = 4;
  rope.original_context = 32768;
  const Rotary scaled(rope);
  const auto ratio = [&](size_t i) { return unscaled.frequencies()[i] / scaled.frequencies()[i]; };
  EXPECT_DOUBLE_EQ(ratio(23), 1);
  EXPECT_GT(ratio(24), 1 + 1e-3);
  EXPECT_LT(ratio(39), 4 - 1e-3);
  EXPECT_NEAR(ratio(40), 4, 1e-12);
}

// Angles are formed in double: at the last position of R1's context the fastest pair still points the right way.
TEST(Rotary, FarPositions) {
  RopeConfig rope = plain(4, 10000);
  rope.cos_sin_factor = 0.5;
  const Rotary rotary(rope);
  const std::vector<int32_t> positions = {0, 163839};
  std::vector<float> table(8);
  rotary.fill(Tensor(table.data(), DType::F32, {2, 4}), positions);
  expect_near({table.begin(), table.begin() + 4}, {0.5, 0.5, 0, 0}, 0);
  expect_near({table.begin() + 4, table.end()},
              {0.5 * std::cos(163839.0), 0.5 * std::cos(1638.39), 0.5 * std::sin(163839.0), 0.5 * std::sin(1638.39)},
              1e-7);
}

// A row's turn depends on its position alone.
TEST(Rotary, RowsAreIndependent) {
  const Rotary rotary(plain(32, 1e6));
  const std::vector<int32_t> positions = {7, 100000, 3, 7};
  std::vector<float> together(4 * 32), alone(32);
  rotary.fill(Tensor(together.data(), DType::F32, {4, 32}), positions);
  for (size_t i = 0; i < positions.size(); ++i) {
    rotary.fill(Tensor(alone.data(), DType::F32, {1, 32}), {&positions[i], 1});
    EXPECT_EQ(alone, std::vector<float>(together.begin() + 32 * i, together.begin() + 32 * (i + 1)));
  }
}

}  // namespace
}  // namespace r1
