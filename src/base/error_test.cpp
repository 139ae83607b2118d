#include "base/error.h"

#include <gtest/gtest.h>

namespace r1 {
namespace {

TEST(Error, CarriesSentenceExitAndHint) {
  const Error error("a.gguf: is cut", Exit::kBadModel, "fetch it again");
  EXPECT_STREQ(error.what(), "a.gguf: is cut");
  EXPECT_EQ(error.exit(), Exit::kBadModel);
  EXPECT_EQ(error.hint(), "fetch it again");
  EXPECT_EQ(Error("x").exit(), Exit::kFailure);
}

TEST(Error, FailFormats) {
  try {
    fail(Exit::kUsage, "{}: {} of {}", "x", 1, 2);
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "x: 1 of 2");
    EXPECT_EQ(error.exit(), Exit::kUsage);
  }
}

TEST(CheckDeathTest, PrintsConditionAndValues) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const int rows = 4;
  R1_CHECK(rows == 4, "rows {}", rows);
  EXPECT_DEATH(R1_CHECK(rows == 3, "rows {}", rows), "error_test.cpp:[0-9]+: check failed: rows == 3 \\(rows 4\\)");
}

TEST(Check, ValuesAreFormattedOnlyOnFailure) {
  int asked = 0;
  R1_CHECK(true, "{}", ++asked);
  EXPECT_EQ(asked, 0);
}

}  // namespace
}  // namespace r1
