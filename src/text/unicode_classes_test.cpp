#include "text/unicode_classes.h"

#include <gtest/gtest.h>
#include <utf8proc.h>

#include <ctime>

#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "test_data.h"

namespace r1 {
namespace {

TEST(UnicodeClasses, TableIsTheFilesRanges) {
  R1_DATA_OR_SKIP(path, "tokenizers/unicode/classes-16.0.json");
  std::vector<CharacterClass> expected(0x110000);
  const Json ranges = parse_json(read_file(path), "classes-16.0.json");
  const std::pair<const char*, CharacterClass> names[] = {
      {"L", kLetter}, {"M", kMark}, {"N", kNumber}, {"P", kPunctuation}, {"S", kSymbol}, {"White_Space", kWhiteSpace}};
  for (const auto& [name, set] : names) {
    for (const Json& range : ranges[name]) {
      for (auto code = range[0].get<uint32_t>(); code <= range[1].get<uint32_t>(); ++code) expected[code] |= set;
    }
  }
  for (char32_t code = 0; code < expected.size(); ++code)
    ASSERT_EQ(class_of(code), expected[code]) << "U+" << std::hex << static_cast<uint32_t>(code);
}

TEST(UnicodeClasses, Spots) {
  EXPECT_TRUE(is_letter(U'é') && is_letter(U'龥') && is_number(U'Ⅷ') && is_mark(0x301) && is_mark(0xE0100));
  EXPECT_TRUE(is_punctuation(U'-') && is_symbol(U'+') && is_white_space(0x85) && is_white_space(0x3000));
  EXPECT_FALSE(is_white_space(0x200B) || is_white_space(0xFEFF) || is_white_space(0x1C) || class_of(0x10FFFF) != 0);
}

std::string text_of(std::initializer_list<char32_t> codes) {
  std::string text;
  for (const char32_t code : codes) append_utf8(text, code);
  return text;
}

TEST(Nfc, Examples) {
  EXPECT_EQ(normalize_nfc(text_of({'e', 0x301})), "é");
  EXPECT_EQ(normalize_nfc(text_of({0x212B})), "Å");
  EXPECT_EQ(normalize_nfc(text_of({0x1112, 0x1161, 0x11AB})), "한");
  EXPECT_EQ(normalize_nfc(text_of({'a', 0x315, 0x300, 0x5AE, 0x62})), text_of({0xE0, 0x5AE, 0x315, 0x62}));
  EXPECT_EQ(normalize_nfc("plain ASCII and ü"), "plain ASCII and ü");
  EXPECT_EQ(normalize_nfc(""), "");
}

// utf8proc's own whole-string function orders marks in another way; the result must be the same.
TEST(Nfc, AgreesWithUtf8procOnEveryCharacterBetweenMarks) {
  for (char32_t code = 1; code <= 0x10FFFF; ++code) {
    if (code >= 0xD800 && code <= 0xDFFF) continue;
    const std::string text = text_of({'a', 0x315, code, 0x327, 0x301});
    utf8proc_uint8_t* expected = utf8proc_NFC(reinterpret_cast<const utf8proc_uint8_t*>(text.c_str()));
    ASSERT_EQ(normalize_nfc(text), reinterpret_cast<const char*>(expected))
        << "U+" << std::hex << static_cast<uint32_t>(code);
    free(expected);
  }
}

// Whatever NFC may change at a border begins with a character for which joins_previous holds.
TEST(Nfc, TextsCutBeforeFreeCharactersNormaliseApart) {
  for (char32_t code = 1; code <= 0x10FFFF; ++code) {
    if ((code >= 0xD800 && code <= 0xDFFF) || joins_previous(code)) continue;
    for (const auto first : {U'>', U'\u0915', U'\u1161', U'\u09C7'}) {
      const std::string a = text_of({first, 0x323}), b = text_of({code, 0x301});
      ASSERT_EQ(normalize_nfc(a + b), normalize_nfc(a) + normalize_nfc(b))
          << "U+" << std::hex << static_cast<uint32_t>(code);
    }
  }
}

TEST(Nfc, ALongRunOfMarksTakesNoLongTime) {
  std::string text = "a";
  for (int i = 0; i < 200'000; ++i) append_utf8(text, 0x315);
  for (int i = 0; i < 200'000; ++i) append_utf8(text, 0x300);
  const std::clock_t start = std::clock();
  EXPECT_EQ(normalize_nfc(text).substr(0, 4), "à\u0300");
  EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, 5.0);  // the quadratic way takes minutes
}

}  // namespace
}  // namespace r1
