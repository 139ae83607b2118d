#include "cli/json_line.h"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace r1 {
namespace {

TEST(JsonLine, FieldsStandInTheOrderOfTheirAdding) {
  JsonLine line;
  const std::vector<int32_t> ids = {3, 1, 2};
  line.add("id", "b\"").add_ids("ids", ids).add_text("raw", "{\"a\":1}").add("none", nullptr).add_ids("empty", {});
  EXPECT_EQ(line.text(), R"({"id":"b\"","ids":[3,1,2],"raw":{"a":1},"none":null,"empty":[]})");
  EXPECT_EQ(JsonLine().text(), "{}");
}

TEST(JsonLine, WhatIsNoNumberIsNull) {
  JsonLine line;
  const std::vector<float> values = {std::nanf(""), -0.5f, -std::numeric_limits<float>::infinity()};
  line.add_floats("logprobs", values).add_float("nll", std::nan(""));
  EXPECT_EQ(line.text(), R"({"logprobs":[null,-0.5,null],"nll":null})");
}

TEST(JsonLine, TopHasNullWhereNothingComesBefore) {
  JsonLine line;
  const std::vector<std::vector<std::pair<int32_t, float>>> top = {{}, {{7, -0.25f}, {8, -2}}};
  line.add_top("top", top);
  EXPECT_EQ(line.text(), R"({"top":[null,[[7,-0.25],[8,-2]]]})");
}

TEST(JsonLine, BytesThatAreNoTextBecomeTheReplacementCharacter) {
  EXPECT_EQ(compact(std::string("a\xff") + "b\n"),
            "\"a\xef\xbf\xbd"
            "b\\n\"");
}

RC_GTEST_PROP(JsonLine, EveryFloatComesBackExactly, (uint32_t bits)) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  RC_PRE(std::isfinite(value));
  RC_ASSERT(std::strtof(float_text(static_cast<double>(value)).c_str(), nullptr) == value);
}

}  // namespace
}  // namespace r1
