#include "base/utf8.h"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

namespace r1 {
namespace {

using namespace std::string_literals;

TEST(Utf8, EveryCodePointComesBack) {
  for (char32_t code = 0; code <= 0x10FFFF; ++code) {
    if (code >= 0xD800 && code <= 0xDFFF) continue;
    std::string text;
    append_utf8(text, code);
    const DecodedCharacter character = decode_utf8(text);
    ASSERT_TRUE(character.valid);
    ASSERT_EQ(character.code, code);
    ASSERT_EQ(character.bytes, text.size());
    ASSERT_EQ(incomplete_utf8_tail(text), 0u);
    for (size_t length = 1; length < text.size(); ++length) {
      ASSERT_EQ(incomplete_utf8_tail("é" + text.substr(0, length)), length);
      ASSERT_FALSE(is_valid_utf8(text.substr(0, length)));
    }
  }
}

TEST(Utf8, SurrogatesAndCodesTooLargeBecomeTheReplacement) {
  for (char32_t code : {0xD800, 0xDFFF, 0x110000}) {
    std::string text;
    append_utf8(text, code);
    EXPECT_EQ(text, "\uFFFD");
  }
}

// The example of the Unicode Standard, table 3-8 and its neighbours 3-9 to 3-11.
TEST(Utf8, OneReplacementPerMaximalInvalidPart) {
  const std::string r = "\uFFFD";
  EXPECT_EQ(replace_invalid_utf8("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"s), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(replace_invalid_utf8("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"s), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(replace_invalid_utf8("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"s), r + r + r + r + r + "A" + r + r + "B");
  EXPECT_EQ(replace_invalid_utf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"s), r + r + r + r + "A");
  EXPECT_EQ(replace_invalid_utf8("ab\xF0\x9F\x91"s), "ab" + r);
  EXPECT_EQ(replace_invalid_utf8(""), "");
}

TEST(Utf8, TailsThatCanNeverBecomeACharacterAreNotHeld) {
  for (const std::string& text :
       {"\x80"s, "\xC0"s, "\xC1"s, "\xF5"s, "\xE0\x80"s, "\xED\xA0"s, "\xF0\x80"s, "\xF4\x90\x80"s, "a"s, ""s}) {
    EXPECT_EQ(incomplete_utf8_tail(text), 0u);
  }
}

RC_GTEST_PROP(Utf8, RepairedTextIsValidAndRepairIsIdempotent, (const std::string& bytes)) {
  const std::string repaired = replace_invalid_utf8(bytes);
  RC_ASSERT(is_valid_utf8(repaired));
  RC_ASSERT(replace_invalid_utf8(repaired) == repaired);
  RC_ASSERT(is_valid_utf8(bytes) == (repaired == bytes));
}

}  // namespace
}  // namespace r1
