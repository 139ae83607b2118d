#include "tensor/dtype.h"

#include <gtest/gtest.h>

#include <cctype>
#include <string>

namespace r1 {
namespace {

TEST(DType, NamesRoundTripInAnyCase) {
  for (int i = 0; i < kDTypes; ++i) {
    const DType dtype = static_cast<DType>(i);
    std::string upper(name(dtype));
    for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    EXPECT_EQ(dtype_named(name(dtype)), dtype);
    EXPECT_EQ(dtype_named(upper), dtype);
  }
  EXPECT_FALSE(dtype_named("q4_k_m").has_value());
  EXPECT_FALSE(dtype_named("").has_value());
}

TEST(DType, RowsAreWholeBlocks) {
  EXPECT_EQ(row_bytes(DType::F32, 5), 20);
  EXPECT_EQ(row_bytes(DType::Q8_0, 64), 68);
  EXPECT_EQ(row_bytes(DType::Q6_K, 512), 420);
  EXPECT_EQ(row_bytes(DType::Q4_K, 0), 0);
}

TEST(DType, OneByteFloatsCountAsQuantised) {
  EXPECT_TRUE(is_quantised(DType::F8_E4M3));
  EXPECT_TRUE(is_quantised(DType::Q4_0));
  EXPECT_FALSE(is_quantised(DType::BF16));
  EXPECT_FALSE(is_quantised(DType::I32));
}

}  // namespace
}  // namespace r1
