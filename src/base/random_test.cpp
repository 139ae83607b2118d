#include "base/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace r1 {
namespace {

using Bits = std::array<uint32_t, 4>;

// Known answers of Philox4x32-10, as published with the Random123 library (counter low word first).
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox(0, 0, 0), (Bits{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox(~uint64_t{0}, ~uint64_t{0}, ~uint64_t{0}), (Bits{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  const uint64_t index = 0x85a308d3'243f6a88, stream = 0x03707344'13198a2e, seed = 0x299f31d0'a4093822;  // digits of pi
  EXPECT_EQ(philox(seed, stream, index), (Bits{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Uniform, StaysBelowOneAndIsFlat) {
  constexpr int kDraws = 100'000, kBins = 20;
  int bins[kBins] = {};
  for (int i = 0; i < kDraws; ++i) {
    const double u = uniform(7, 3, i);
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    ++bins[static_cast<int>(u * kBins)];
  }
  double chi = 0;
  for (const int count : bins) chi += std::pow(count - kDraws / kBins, 2) / (kDraws / kBins);
  EXPECT_LT(chi, 43.8);  // 19 degrees of freedom: exceeded once in a thousand seeds, and the seed is fixed
}

TEST(Uniform, SeedStreamAndIndexAllMatter) {
  std::set<double> seen;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    for (uint64_t stream = 0; stream < 10; ++stream) {
      for (uint64_t index = 0; index < 10; ++index) seen.insert(uniform(seed, stream, index));
    }
  }
  EXPECT_EQ(seen.size(), 1000u);
}

TEST(Normal, HasTheMomentsOfANormal) {
  constexpr int kDraws = 200'000;
  double sum = 0, squares = 0, fourths = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = normal(1, 2, i);
    ASSERT_TRUE(std::isfinite(x));
    sum += x;
    squares += x * x;
    fourths += x * x * x * x;
  }
  EXPECT_NEAR(sum / kDraws, 0, 4 / std::sqrt(kDraws));
  EXPECT_NEAR(squares / kDraws, 1, 4 * std::sqrt(2.0 / kDraws));
  EXPECT_NEAR(fourths / kDraws, 3, 4 * std::sqrt(96.0 / kDraws));
}

}  // namespace
}  // namespace r1
