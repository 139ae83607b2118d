#include "text/pretokenize.h"

#include <gtest/gtest.h>

#include <ctime>
#include <random>

#include "base/utf8.h"

namespace r1 {
namespace {

using Strings = std::vector<std::string>;

Strings split(const PreTokenizer& pre_tokenizer, std::string_view text) {
  Words words;
  pre_tokenizer.split(text, words);
  return {words.views.begin(), words.views.end()};
}

// Characters where the patterns' classes meet, each of them older than PCRE2's tables.
std::string interesting_text(std::mt19937& random) {
  static const std::vector<char32_t> characters = {
      ' ',    ' ',    ' ',    '\n',   '\n',   '\r',   '\t',    0x0B,    0x1C,    0x85,    0xA0,   0x1680, 0x180E,
      0x2009, 0x2028, 0x3000, 0x200B, 0xFEFF, '\'',   '\'',    '\'',    's',     'S',     't',    'r',    'e',
      'E',    'v',    'm',    'l',    'L',    'd',    0x17F,   'a',     'Z',     '0',     '1',    '9',    0x663,
      0xBD,   0x2167, '.',    ',',    '!',    '-',    '_',     '+',     '$',     '^',     '`',    '\\',   '[',
      ']',    0x00,   0x7F,   0x301,  0x93F,  0x20E3, 0xFE0F,  0xE9,    0xB5,    0xAA,    0x1C5,  0x3A9,  0x915,
      0x5D0,  0xE01,  0x4E00, 0x9FA5, 0x9FA6, 0x3040, 0x3099,  0x30A0,  0x30FF,  0x30FB,  0xAC00, 0xD7FF, 0x800,
      0xFF01, 0xFF5E, 0xFF10, 0xFF21, 0x2018, 0x3002, 0x1F600, 0x1F1E6, 0x10400, 0x1E900, 0x20AC, 0xA9};
  std::string text;
  const int length = std::uniform_int_distribution(0, 14)(random);
  for (int i = 0; i < length; ++i) {
    const char32_t code = characters[std::uniform_int_distribution<size_t>(0, characters.size() - 1)(random)];
    const int times = std::uniform_int_distribution(0, 5)(random) == 0 ? 4 : 1;
    for (int k = 0; k < times; ++k) append_utf8(text, code);
  }
  return text;
}

const Strings& patterns() {
  using namespace pattern;
  static const Strings all = {kDeepSeekV3Numbers,
                              kDeepSeekV3Cjk,
                              kDeepSeekV3,
                              kLineBreak,
                              kDeepSeekLlmLetters,
                              kDeepSeekLlmPunctuation,
                              kDeepSeekLlmCjk,
                              kTrailingSpace,
                              kDeepSeekCoderLetters,
                              kDeepSeekCoderPunctuation,
                              kQwen2,
                              kLlama3,
                              kGpt2,
                              kNumber,
                              kNumbers};
  return all;
}

Strings matches_of(FindMatch find, std::string_view text) {
  Strings found;
  for (Match match = find(text, 0); match.found(); match = find(text, match.end)) {
    found.push_back(std::to_string(match.begin) + ":" + std::string(text.substr(match.begin, match.end - match.begin)));
  }
  return found;
}

Strings matches_of(const SplitRegex& regex, std::string_view text) {
  Strings found;
  regex.for_each_match(text, [&](size_t begin, size_t end) {
    found.push_back(std::to_string(begin) + ":" + std::string(text.substr(begin, end - begin)));
  });
  return found;
}

TEST(Scanners, FindWhatARegularExpressionEngineFinds) {
  for (const std::string& text : patterns()) {
    const FindMatch scanner = scanner_for(text);
    ASSERT_NE(scanner, nullptr) << text;
    const SplitRegex regex(text, "test");
    std::mt19937 random(7);
    for (int i = 0; i < 20'000; ++i) {
      const std::string piece = interesting_text(random);
      ASSERT_EQ(matches_of(scanner, piece), matches_of(regex, piece)) << text << "\non: " << piece;
    }
  }
}

TEST(Scanners, KnowPatternsHoweverLineBreaksAreWritten) {
  EXPECT_EQ(scanner_for("[\r\n]"), scanner_for(R"([\r\n])"));
  EXPECT_EQ(scanner_for(" ?[A-Za-z]+"), nullptr);
}

TEST(PreTokenizer, SpecificationExamples) {
  const PreTokenizer v3 = PreTokenizer::from_gguf("deepseek-v3", "test");
  EXPECT_EQ(split(v3, "a\r\nb"), (Strings{"a", "\r\n", "b"}));
  EXPECT_EQ(split(v3, "  x"), (Strings{" ", " x"}));
  EXPECT_EQ(split(v3, " 123"), (Strings{" ", "123"}));
  EXPECT_EQ(split(v3, "12345"), (Strings{"123", "45"}));
  EXPECT_EQ(split(v3, ".com"), (Strings{".com"}));
  EXPECT_EQ(split(v3, std::string_view("\0\1\x7f", 3)), (Strings{std::string("\0\1\x7f", 3)}));
  EXPECT_EQ(split(v3, ""), Strings{});
  EXPECT_EQ(split(PreTokenizer::from_gguf("qwen2", "test"), "WE'LL 12"), (Strings{"WE", "'LL", " ", "1", "2"}));
  EXPECT_EQ(split(PreTokenizer::from_gguf("llama3", "test"), "it\u2019s 1234"),
            (Strings{"it", "\u2019s", " ", "123", "4"}));
  EXPECT_EQ(split(PreTokenizer::from_gguf("gpt-2", "test"), "it's IT'S 12ab"),
            (Strings{"it", "'s", " IT", "'", "S", " 12", "ab"}));
  EXPECT_EQ(split(PreTokenizer::from_gguf("smollm", "test"), "a 12"), (Strings{"a", " ", "1", "2"}));
  // The class of the third pattern runs from ':' to '~', through all ASCII letters, and cuts the second one's words
  // again.
  EXPECT_EQ(split(PreTokenizer::from_gguf("deepseek-llm", "test"), "Der Führer\n 12 ab  "),
            (Strings{"Der", " F", "ü", "hrer", "\n", " ", "12", " ab", "  "}));
  EXPECT_EQ(split(PreTokenizer::from_gguf("deepseek-coder", "test"), "a 12"), (Strings{"a", " ", "1", "2"}));
}

TEST(PreTokenizer, FamiliesComeBackFromTheirJson) {
  for (const char* name : {"deepseek-v3", "deepseek-llm", "deepseek-coder", "qwen2", "llama-bpe", "gpt-2", "smollm"}) {
    const PreTokenizer family = PreTokenizer::from_gguf(name, "test");
    const PreTokenizer copy = PreTokenizer::from_json(Json::parse(family.to_json().dump()), "test");
    EXPECT_EQ(copy.family().name, name);
    std::mt19937 random(3);
    for (int i = 0; i < 2'000; ++i) {
      const std::string text = interesting_text(random);
      ASSERT_EQ(split(copy, text), split(family, text)) << name << ": " << text;
    }
  }
}

PreTokenizer with_split(const char* kind, const std::string& pattern, bool use_regex = false) {
  return PreTokenizer::from_json(
      {{"type", "Sequence"},
       {"pretokenizers",
        {{{"type", "Split"}, {"pattern", {{kind, pattern}}}, {"behavior", "Isolated"}, {"invert", false}},
         {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", use_regex}}}}},
      "test");
}

TEST(PreTokenizer, PatternsWithoutAScanner) {
  const PreTokenizer words = with_split("Regex", " ?[A-Za-z]+");
  EXPECT_EQ(words.family().name, "");
  EXPECT_EQ(split(words, "add 12+3 now"), (Strings{"add", " 12+3", " now"}));
  EXPECT_EQ(split(with_split("Regex", "."), "aé\nb"), (Strings{"a", "é", "\n", "b"}));
  EXPECT_EQ(split(with_split("Regex", "(?=[A-Z])"), "oneTwoThree"), (Strings{"one", "Two", "Three"}));
  EXPECT_EQ(split(with_split("Regex", "(?=(\\d{3})+(?!\\d))"), "1234567 89"), (Strings{"1", "234", "567 89"}));
  EXPECT_EQ(split(with_split("Regex", "\\s+"), "a\u180E\u3000b"), (Strings{"a\u180E", "\u3000", "b"}));
  EXPECT_EQ(split(with_split("Regex", "^a"), "aa\nab"), (Strings{"a", "a\n", "a", "b"}));
  EXPECT_EQ(split(with_split("String", "ab"), "xababab"), (Strings{"x", "ab", "ab", "ab"}));
  EXPECT_EQ(split(with_split("String", "ab", true), "x abab"), (Strings{"x", " ", "ab", "ab"}));
}

TEST(PreTokenizer, PrefixSpace) {
  const PreTokenizer pre_tokenizer =
      PreTokenizer::from_json({{"type", "ByteLevel"}, {"add_prefix_space", true}}, "test");
  EXPECT_EQ(split(pre_tokenizer, "a b"), (Strings{" a", " b"}));
  EXPECT_EQ(split(pre_tokenizer, " a"), (Strings{" a"}));
}

std::string error_of(const Json& json) {
  try {
    PreTokenizer::from_json(json, "tokenizer.json");
  } catch (const Error& error) {
    EXPECT_EQ(error.exit(), Exit::kBadModel);
    return error.what();
  }
  return "";
}

std::string error_of_pattern(const std::string& pattern) {
  try {
    with_split("Regex", pattern);
  } catch (const Error& error) {
    EXPECT_EQ(error.exit(), Exit::kBadModel);
    return error.what();
  }
  return "";
}

TEST(PreTokenizer, PatternsThatEnginesReadDifferentlyAreRefused) {
  for (const char* construct :
       {"(*COMMIT)", "(*UCP)", "(?C1)", "(?C)", "(?R)", "(?0)", "(?1)", "(?-1)", "(?+1)", "(?&word)", "(?P<word>b)"}) {
    const std::string error = error_of_pattern("(a)" + std::string(construct));
    EXPECT_NE(error.find("the pattern uses '" + std::string(construct).substr(0, 2)), std::string::npos) << error;
    EXPECT_NE(error.find("read differently"), std::string::npos) << construct << ": " << error;
  }
  for (const char* pattern :
       {"(?:a)", "(?i:a)", "(?-i:a)", "(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "(?>a)", "[(*]", "\\(\\*"})
    EXPECT_EQ(error_of_pattern(pattern), "") << pattern;
}

TEST(PreTokenizer, WhatIsNotSupportedIsNamed) {
  const Json byte_level = {{"type", "ByteLevel"}, {"use_regex", false}};
  EXPECT_NE(error_of({{"type", "Metaspace"}}).find("'Metaspace' is not supported"), std::string::npos);
  EXPECT_NE(error_of({{"type", "Sequence"}, {"pretokenizers", {byte_level, byte_level}}}).find("one ByteLevel"),
            std::string::npos);
  EXPECT_NE(error_of({{"type", "Digits"}}).find("one ByteLevel"), std::string::npos);
  EXPECT_NE(error_of({{"type", "Sequence"}}).find("'pretokenizers'"), std::string::npos);
  EXPECT_NE(error_of(Json::array()).find("'type'"), std::string::npos);
  EXPECT_NE(error_of({{"type", "Split"}, {"pattern", {{"Regex", "a"}}}, {"behavior", "Removed"}}).find("\"Removed\""),
            std::string::npos);
  EXPECT_NE(error_of({{"type", "Split"}, {"behavior", "Isolated"}}).find("'Regex' or 'String'"), std::string::npos);
  EXPECT_NE(error_of({{"type", "ByteLevel"}, {"use_regex", 3}}).find("'use_regex' is 3"), std::string::npos);
  EXPECT_NE(error_of_pattern("(a").find("bad pattern"), std::string::npos);
  EXPECT_NE(error_of_pattern("\\bword").find("'\\b'"), std::string::npos);
  EXPECT_NE(error_of_pattern("[a[b]]").find("[ inside [ ]"), std::string::npos);
  EXPECT_NE(error_of_pattern("[a&&b]").find("'&&'"), std::string::npos);
  EXPECT_NE(error_of_pattern("(?m:.)").find("'(?m'"), std::string::npos);
  EXPECT_NE(error_of_pattern("a\\").find("at the end"), std::string::npos);
  EXPECT_THROW(PreTokenizer::from_gguf("kimi-k2", "x.gguf"), Error);
  EXPECT_EQ(PreTokenizer::from_gguf("default", "x.gguf").family().name, "gpt-2");
}

TEST(PreTokenizer, APatternThatExplodesIsAnError) {
  const PreTokenizer evil = with_split("Regex", "(?:(?:a|aa)+)+[cd]");
  EXPECT_THROW(split(evil, std::string(5000, 'a')), Error);
}

// A step for each character of a long run, from each of its characters, would be a denial of service.
TEST(PreTokenizer, AMegabyteOfOneCharacterIsCutInNoTime) {
  for (const char* name : {"deepseek-v3", "deepseek-llm", "deepseek-coder", "qwen2", "llama-bpe", "gpt-2", "smollm"}) {
    const PreTokenizer family = PreTokenizer::from_gguf(name, "test");
    for (const char* unit : {"a", " ", "\n", "1", "'", ".", "\u3000", "\u0301", "\u4E00", " \n", "'s", " \x01"}) {
      std::string text;
      while (text.size() < 1'000'000) text += unit;
      text += 'x';
      const std::clock_t start = std::clock();
      Words words;
      family.split(text, words);
      EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, 2.0) << name << " '" << unit << "'";
      size_t bytes = 0;
      for (const std::string_view word : words.views) bytes += word.size();
      EXPECT_EQ(bytes, text.size());
    }
  }
}

}  // namespace
}  // namespace r1
