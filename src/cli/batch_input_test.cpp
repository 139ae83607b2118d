#include "cli/batch_input.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <fstream>
#include <limits>

#include "cli/json_line.h"
#include "folder_test.h"

namespace r1 {
namespace {

BatchLine line_of(const std::string& json) { return BatchLine(parse_ordered_json(json, "test"), "in line 3"); }

std::string sentence(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit(), Exit::kUsage) << error.what();
    return error.what();
  }
  return "";
}

TEST(BatchLine, FieldsAreReadWithinTheirRange) {
  const BatchLine line =
      line_of(R"({"id":7,"t":0.5,"n":12,"s":18446744073709551615,"b":true,"null":null,"ids":[0,9],"stop":["a","b"]})");
  EXPECT_EQ(line.id(), "7");
  EXPECT_EQ(line.number("t", 0, 1), 0.5);
  EXPECT_EQ(line.whole("n", 1, 12), 12);
  EXPECT_EQ(line.seed("s"), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(line.flag("b"), true);
  EXPECT_EQ(line.ids("ids", 10), (std::vector<int32_t>{0, 9}));
  EXPECT_EQ(line.texts("stop"), (std::vector<std::string>{"a", "b"}));
  for (const char* absent : {"null", "nowhere"}) {
    EXPECT_EQ(line.number(absent, 0, 1), std::nullopt);
    EXPECT_EQ(line.whole(absent, 0, 1), std::nullopt);
    EXPECT_EQ(line.seed(absent), std::nullopt);
    EXPECT_EQ(line.flag(absent), std::nullopt);
    EXPECT_TRUE(line.texts(absent).empty());
  }
}

TEST(BatchLine, WhatIsWrongIsSaid) {
  const struct {
    const char* json;
    std::function<void(const BatchLine&)> ask;
    const char* said;
  } cases[] = {
      {R"({})", [](auto& l) { l.id(); }, "in line 3: field 'id' is missing, expected a string or a whole number"},
      {R"({"id":1.5})", [](auto& l) { l.id(); }, "field 'id' is 1.5"},
      {R"({"x":1})", [](auto& l) { l.text("x"); }, "field 'x' is 1, expected a string"},
      {R"({"x":2})", [](auto& l) { l.number("x", 0, 1); }, "field 'x' is 2, expected a number from 0 to 1"},
      {R"({"x":"a"})", [](auto& l) { l.number("x", 0, INFINITY); }, "expected a number from 0 on"},
      {R"({"x":1e300})", [](auto& l) { l.whole("x", 0, 9); }, "expected a whole number from 0 to 9"},
      {R"({"x":18446744073709551615})", [](auto& l) { l.whole("x", -1, 9); }, "field 'x' is 18446744073709551615"},
      {R"({"x":-1})", [](auto& l) { l.seed("x"); }, "expected a whole number from 0 to 2^64 - 1"},
      {R"({"x":1})", [](auto& l) { l.flag("x"); }, "expected true or false"},
      {R"({"x":[]})", [](auto& l) { l.ids("x", 9); }, "expected a list of token ids from 0 to 8, at least one"},
      {R"({"x":[1,9]})", [](auto& l) { l.ids("x", 9); }, "field 'x' has the entry 9 at index 1"},
      {R"({"x":[18446744073709551615]})", [](auto& l) { l.ids("x", 9); }, "the entry 18446744073709551615 at index 0"},
      {R"({"x":[1.0]})", [](auto& l) { l.ids("x", 9); }, "the entry 1.0 at index 0"},
      {R"({"x":["a",1]})", [](auto& l) { l.texts("x"); }, "expected a string or a list of strings"},
      {R"({"promt":1})",
       [](auto& l) {
         l.only({"id", "prompt"});
       },
       "(did you mean 'prompt'?), expected one of id, "},
      {R"({"a":1,"b":1})",
       [](auto& l) {
         l.one_of({"a", "b", "c"});
       },
       "found a and b, expected exactly one of"},
      {R"({})",
       [](auto& l) {
         l.one_of({"a", "b"});
       },
       "found none, expected exactly one of the fields a, b"},
  };
  for (const auto& c : cases) {
    const BatchLine line = line_of(c.json);
    EXPECT_NE(sentence([&] { c.ask(line); }).find(c.said), std::string::npos) << c.json << c.said;
  }
}

TEST(BatchLine, LongValuesAreCutBetweenCharacters) {
  for (const std::string first : {"", "a", "aa"}) {
    std::string text = first;
    for (int i = 0; i < 30; ++i) text += "\u20ac";  // three bytes
    const BatchLine line = line_of("{\"x\":[\"" + text + "\"]}");
    const std::string said = sentence([&] { line.text("x"); });
    EXPECT_NE(said.find("\u20ac..., expected a string"), std::string::npos) << said;
    EXPECT_EQ(compact(said).find("\ufffd"), std::string::npos) << said;
  }
}

class ReadBatch : public FolderTest {
 protected:
  std::string read(const std::string& text) {
    std::ofstream(folder_ / "in.jsonl") << text;
    ids_.clear();
    return sentence(
        [&] { read_batch(folder_ / "in.jsonl", [&](const BatchLine& line) { ids_.push_back(line.id()); }); });
  }

  std::vector<std::string> ids_;
};

TEST_F(ReadBatch, BlankLinesAreNone) {
  EXPECT_EQ(read("{\"id\":1}\n\n \t\r\n{\"id\":\"1\"}\r\n{\"id\":2}"), "");
  EXPECT_EQ(ids_, (std::vector<std::string>{"1", "\"1\"", "2"}));
}

TEST_F(ReadBatch, WrongLinesAreNamed) {
  EXPECT_NE(read("{\"id\":1}\n\n{\"id\":1}\n").find("in.jsonl line 3: id 1 is already that of line 1"),
            std::string::npos);
  EXPECT_NE(read("{\"id\":1}\n[2]\n").find("in.jsonl line 2: found [2], expected a JSON object"), std::string::npos);
  EXPECT_NE(read("{\"id\":1\n").find("in.jsonl line 1"), std::string::npos);
}

}  // namespace
}  // namespace r1
