// Every half, bfloat16 and E4M3 code against definitions that are slow and obvious.
#include "tensor/small_float.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>

namespace r1 {
namespace {

// sign · mantissa · 2^exponent of a format with the given bits, by the book.
double by_the_book(int code, int exponent_bits, int mantissa_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const double sign = code >> (exponent_bits + mantissa_bits) & 1 ? -1 : 1;
  const int exponent = code >> mantissa_bits & ((1 << exponent_bits) - 1);
  const double fraction = std::ldexp(code & ((1 << mantissa_bits) - 1), -mantissa_bits);
  return sign * (exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, exponent - bias));
}

TEST(SmallFloat, EveryHalf) {
  for (int code = 0; code < 0x10000; ++code) {
    const float value = f16_to_f32(static_cast<uint16_t>(code));
    const bool special = (code >> 10 & 31) == 31;
    if (special && (code & 0x3FF) != 0) {
      ASSERT_TRUE(std::isnan(value));
      ASSERT_TRUE(std::isnan(f16_to_f32(f32_to_f16(value))));
      continue;
    }
    if (special) {
      ASSERT_EQ(value, code >> 15 ? -INFINITY : INFINITY);
    } else {
      ASSERT_EQ(value, by_the_book(code, 5, 10));
      ASSERT_EQ(std::signbit(value), code >> 15 == 1);
    }
    ASSERT_EQ(f32_to_f16(value), code);
  }
}

TEST(SmallFloat, EveryBf16) {
  for (int code = 0; code < 0x10000; ++code) {
    const float value = bf16_to_f32(static_cast<uint16_t>(code));
    if (std::isnan(value)) {
      ASSERT_EQ(f32_to_bf16(value), code | 0x40);
    } else {
      if (std::isfinite(value)) {
        ASSERT_EQ(value, by_the_book(code, 8, 7));
      }
      ASSERT_EQ(f32_to_bf16(value), code);
    }
  }
}

TEST(SmallFloat, EveryE4m3) {
  for (int code = 0; code < 256; ++code) {
    const float value = e4m3_to_f32(static_cast<uint8_t>(code));
    if ((code & 0x7F) == 0x7F) {
      ASSERT_TRUE(std::isnan(value));
    } else {
      ASSERT_EQ(value, by_the_book(code, 4, 3));
      ASSERT_EQ(std::signbit(value), code >> 7 == 1);
    }
    ASSERT_EQ(f32_to_e4m3(value), code);
  }
}

TEST(SmallFloat, NumbersOfTheSpecification) {
  EXPECT_EQ(f32_to_f16(-0.967559814f), 0xBBBE);
  EXPECT_EQ(f32_to_bf16(-0.967559814f), 0xBF78);
  EXPECT_EQ(f16_to_f32(0xAFFC), -0.124755859375f);
  EXPECT_EQ(e4m3_to_f32(0x07), 0.013671875f);
  EXPECT_EQ(e4m3_to_f32(0x77), 240.0f);
  EXPECT_EQ(e4m3_to_f32(0xFE), -448.0f);
}

// Rounding: every midpoint of two neighbours goes to the even code, its two float neighbours to the nearer one.
template <typename Code, typename ToFloat, typename FromFloat>
void check_midpoints(int codes, ToFloat to_float, FromFloat from_float) {
  for (int code = 0; code + 1 < codes; ++code) {
    const float low = to_float(static_cast<Code>(code)), high = to_float(static_cast<Code>(code + 1));
    if (!std::isfinite(low) || !std::isfinite(high)) continue;
    const double middle = (double{low} + high) / 2;
    if (static_cast<double>(static_cast<float>(middle)) != middle) continue;  // bfloat16's smallest: no float between
    const float exact = static_cast<float>(middle);
    ASSERT_EQ(from_float(exact), code % 2 == 0 ? code : code + 1) << code;
    ASSERT_EQ(from_float(std::nextafter(exact, 0.0f)), code) << code;
    ASSERT_EQ(from_float(std::nextafter(exact, INFINITY)), code + 1) << code;
    ASSERT_EQ(from_float(-exact), from_float(exact) | codes) << code;
  }
}

TEST(SmallFloat, HalfRoundsToNearestEven) { check_midpoints<uint16_t>(0x8000, f16_to_f32, f32_to_f16); }
TEST(SmallFloat, Bf16RoundsToNearestEven) { check_midpoints<uint16_t>(0x8000, bf16_to_f32, f32_to_bf16); }
TEST(SmallFloat, E4m3RoundsToNearestEven) { check_midpoints<uint8_t>(0x80, e4m3_to_f32, f32_to_e4m3); }

TEST(SmallFloat, TheLargest) {
  EXPECT_EQ(f32_to_f16(65504.0f), 0x7BFF);
  EXPECT_EQ(f32_to_f16(65519.996f), 0x7BFF);
  EXPECT_EQ(f32_to_f16(65520.0f), 0x7C00);
  EXPECT_EQ(f32_to_f16(-INFINITY), 0xFC00);
  EXPECT_EQ(f32_to_bf16(3.4028234e38f), 0x7F80);
  EXPECT_EQ(f32_to_e4m3(448.1f), 0x7E);
  EXPECT_EQ(f32_to_e4m3(1e30f), 0x7E);
  EXPECT_EQ(f32_to_e4m3(-INFINITY), 0xFE);
  EXPECT_EQ(f32_to_e4m3(-NAN) & 0x7F, 0x7F);
}

}  // namespace
}  // namespace r1
