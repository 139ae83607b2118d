#include "base/json.h"

#include <gtest/gtest.h>

#include <chrono>

namespace r1 {
namespace {

std::string complaint(std::string_view text, const JsonLimits& limits = {}) {
  try {
    parse_json(text, "x.json", limits, Exit::kBadModel);
  } catch (const Error& error) {
    EXPECT_EQ(error.exit(), Exit::kBadModel);
    return error.what();
  }
  return "";
}

TEST(Json, BuildsWhatTheLibraryBuilds) {
  for (const char* text :
       {"null", "true", "-1", "18446744073709551615", "1.5e3", R"("a\u00e9\ud83d\ude00")", "[]", "{}", "[[],{}]",
        R"({"b": [1, {"c": null}, "d"], "a": {"x": {}}, "z": 0.1})", " [1 , 2]\n", "\xef\xbb\xbf{\"bom\":1}"}) {
    EXPECT_EQ(parse_json(text, "x"), Json::parse(text)) << text;
    EXPECT_EQ(parse_ordered_json(text, "x").dump(), OrderedJson::parse(text).dump()) << text;
  }
}

TEST(Json, OrderIsKeptOrSorted) {
  const char* text = R"({"z":1,"a":{"y":[],"b":2}})";
  EXPECT_EQ(parse_ordered_json(text, "x").dump(), text);
  EXPECT_EQ(parse_json(text, "x").dump(), R"({"a":{"b":2,"y":[]},"z":1})");
}

TEST(Json, ErrorsSayWhere) {
  EXPECT_EQ(complaint("{\n  \"a\": 1,\n  \"b\" 2\n}").find("x.json: not valid JSON at line 3, column 7: "), 0u);
  EXPECT_EQ(complaint("[1,]").find("x.json: not valid JSON at line 1, column 4: "), 0u);
  EXPECT_EQ(complaint("").find("x.json: not valid JSON at line 1, column 1: "), 0u);
  EXPECT_EQ(complaint("{} {}").find("x.json: not valid JSON at line 1, column 4: "), 0u);
  EXPECT_EQ(complaint("[1").find("x.json: not valid JSON at line 1, column 3: "), 0u);
}

TEST(Json, NoInputBringsDownTheSentence) {
  for (const std::string& text :
       {std::string("[\"") + std::string(1 << 20, 'x'), std::string("[\"\x1b[31m\xff\"]"), std::string("\n\n'")}) {
    const std::string sentence = complaint(text);
    EXPECT_FALSE(sentence.empty());
    EXPECT_LT(sentence.size(), 300u);
    for (const char c : sentence) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << sentence;
  }
}

TEST(Json, DepthIsLimited) {
  EXPECT_EQ(complaint(std::string(128, '[') + std::string(128, ']')), "");
  EXPECT_EQ(complaint(std::string(129, '[') + std::string(129, ']')),
            "x.json: JSON is nested deeper than 128 levels at line 1, column 129");
  EXPECT_NE(complaint(std::string(50 << 20, '[')), "");
  EXPECT_EQ(complaint("[[1]]", {.max_depth = 1}), "x.json: JSON is nested deeper than 1 levels at line 1, column 2");
  EXPECT_EQ(complaint(R"(["[[[[\"[[[[", "]"])", {.max_depth = 1}), "");  // brackets in strings are none
}

TEST(Json, SizeIsLimited) {
  EXPECT_EQ(complaint("[1, 2]", {.max_bytes = 6}), "");
  EXPECT_EQ(complaint("[1, 2]", {.max_bytes = 5}), "x.json: JSON of 6 bytes is larger than the limit of 5");
}

TEST(Json, KeysAreUnique) {
  EXPECT_EQ(complaint(R"({"a": 1, "b": {"a": 2}, "a": 3})"), "x.json: JSON has the key 'a' twice in one object");
  EXPECT_EQ(complaint(R"([{"a": 1}, {"a": 2}])"), "");
  EXPECT_THROW(parse_ordered_json(R"({"a": 1, "a": 1})", "x"), Error);
  const JsonLimits loose = {.unique_keys = false};  // the last one counts, as in most readers
  EXPECT_EQ(parse_json(R"({"a": 1, "b": 2, "a": 3})", "x", loose).dump(), R"({"a":3,"b":2})");
  EXPECT_EQ(parse_ordered_json(R"({"z": 1, "b": 2, "z": [3]})", "x", loose).dump(), R"({"z":[3],"b":2})");
}

TEST(Json, HugeNumbers) {
  EXPECT_EQ(complaint("[1e999]"), "x.json: not valid JSON at line 1, column 6: number overflow parsing '1e999'");
  EXPECT_EQ(parse_json("18446744073709551616", "x"), 18446744073709551616.0);  // above 64 bits: a double
  EXPECT_EQ(parse_json("-9223372036854775808", "x").get<int64_t>(), INT64_MIN);
  EXPECT_EQ(parse_json("1e-999", "x"), 0.0);
  EXPECT_NE(complaint("NaN"), "");
  EXPECT_NE(complaint("[Infinity]"), "");
  EXPECT_NE(complaint("01"), "");
}

TEST(Json, TextIsUtf8WithoutLoneSurrogates) {
  EXPECT_NE(complaint("\"\xff\""), "");
  EXPECT_NE(complaint("\"\xc3\""), "");          // cut
  EXPECT_NE(complaint("\"\xc0\xaf\""), "");      // overlong
  EXPECT_NE(complaint("\"\xed\xa0\x80\""), "");  // a surrogate in UTF-8
  EXPECT_NE(complaint(R"("\ud800")"), "");
  EXPECT_NE(complaint(R"("\ud800\u0041")"), "");
  EXPECT_NE(complaint(R"("\udc00")"), "");
  EXPECT_EQ(parse_json(R"("\ud83d\ude00\u0000")", "x").get<std::string>(), std::string("\xf0\x9f\x98\x80\0", 5));
}

TEST(Json, ALargeOrderedObjectTakesLinearTime) {  // the library's own takes minutes for a vocabulary
  std::string text = "{";
  for (int i = 0; i < 150'000; ++i) text += fmt::format("{}\"token{}\":{}", i == 0 ? "" : ",", i, i);
  text += "}";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(parse_ordered_json(text, "x").size(), 150'000u);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

}  // namespace
}  // namespace r1
