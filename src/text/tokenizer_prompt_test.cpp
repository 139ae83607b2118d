// What may become a control token and what may not; added tokens with flags; llama-bpe by a vocabulary of our own.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/utf8.h"
#include "text/unicode_classes.h"
#include "text/vocabulary.h"
#include "tokenizer_cases.h"

namespace r1 {
namespace {

using Ids = std::vector<int32_t>;

// All bytes in the order of the alphabet, then `more`; a token with two or more letters is made by merging its letters
// from the left.
GgufVocabulary small_vocabulary(const std::string& pre, const std::vector<std::string>& more) {
  GgufVocabulary vocabulary;
  vocabulary.model = "gpt2";
  vocabulary.pre = pre;
  for (int byte = 0; byte < 256; ++byte)
    vocabulary.tokens.push_back(to_byte_alphabet(std::string(1, static_cast<char>(byte))));
  for (const std::string& token : more) {
    for (size_t end = 2; end <= token.size(); ++end) {
      const std::string whole = token.substr(0, end);
      if (std::find(vocabulary.tokens.begin(), vocabulary.tokens.end(), whole) != vocabulary.tokens.end()) continue;
      vocabulary.tokens.push_back(whole);
      vocabulary.merges.push_back(whole.substr(0, end - 1) + " " + whole.substr(end - 1));
    }
  }
  vocabulary.types.assign(vocabulary.tokens.size(), 1);
  return vocabulary;
}

int32_t add(GgufVocabulary& vocabulary, const std::string& text, int32_t type) {
  vocabulary.tokens.push_back(text);
  vocabulary.types.push_back(type);
  return static_cast<int32_t>(vocabulary.tokens.size() - 1);
}

// tokenizer.json with the same bytes, and added tokens as given from id 256.
Tokenizer with_added(const std::vector<Json>& added, const Json& normalizer = nullptr) {
  Json json = {{"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
               {"normalizer", normalizer},
               {"model", {{"type", "BPE"}, {"merges", Json::array()}}},
               {"added_tokens", added}};
  for (int byte = 0; byte < 256; ++byte) {
    json["model"]["vocab"][to_byte_alphabet(std::string(1, static_cast<char>(byte)))] = byte;
  }
  return Tokenizer::from_json(json.dump(), Json(), "test");
}

Ids bytes_of(std::string_view text) {
  Ids ids;
  for (const char byte : text) ids.push_back(static_cast<unsigned char>(byte));
  return ids;
}

Ids operator+(Ids left, const Ids& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

Ids encode(const Tokenizer& tokenizer, const std::vector<PromptSpan>& spans) { return tokenizer.encode(spans); }

class Control : public testing::Test {
 protected:
  Control() : vocabulary_(small_vocabulary("gpt-2", {"user", "ab"})) {
    start = add(vocabulary_, "<|im_start|>", 3);
    think = add(vocabulary_, "<think>", 4);
    letter = add(vocabulary_, "ü", 4);
    role = add(vocabulary_, "<｜User｜>", 4);
  }
  GgufVocabulary vocabulary_;
  int32_t start, think, letter, role;
};

TEST_F(Control, OnlyLiteralsYieldControlTokens) {
  const Tokenizer tokenizer = Tokenizer::from_gguf(vocabulary_, "test");
  for (const std::string& text : std::vector<std::string>{"<|im_start|>", "<think>", "<｜User｜>"}) {
    const Ids token = {*tokenizer.id_of(text)};
    EXPECT_EQ(tokenizer.encode(text), token);
    EXPECT_EQ(encode(tokenizer, {{text, true}}), token);
    EXPECT_EQ(encode(tokenizer, {{text, false}}), bytes_of(text));
    EXPECT_EQ(tokenizer.encode(text, {.parse_special = false}), bytes_of(text));
    EXPECT_EQ(encode(tokenizer, {{text, true}, {text, false}, {text, true}}), token + bytes_of(text) + token);
    for (size_t cut = 1; cut < text.size(); ++cut) {  // nor does a token that a message only completes, on either side
      if (!is_valid_utf8(text.substr(0, cut))) continue;
      EXPECT_EQ(encode(tokenizer, {{text.substr(0, cut), true}, {text.substr(cut), false}}), bytes_of(text));
      EXPECT_EQ(encode(tokenizer, {{text.substr(0, cut), false}, {text.substr(cut), true}}), bytes_of(text));
      EXPECT_EQ(encode(tokenizer, {{text.substr(0, cut), true}, {text.substr(cut), true}}), token);
    }
  }
  EXPECT_EQ(encode(tokenizer, {{"ü", false}}), Ids{letter}) << "an added letter is no control token";
  EXPECT_EQ(tokenizer.encode("ü", {.parse_special = false}), Ids{letter});
}

TEST_F(Control, OrdinaryTextFlowsAcrossSpans) {
  const Tokenizer tokenizer = Tokenizer::from_gguf(vocabulary_, "test");
  const int32_t user = *tokenizer.id_of("user");
  EXPECT_EQ(encode(tokenizer, {{"us", true}, {"er", false}}), Ids{user});
  EXPECT_EQ(encode(tokenizer, {{"us", false}, {"", true}, {"er", true}}), Ids{user});
  EXPECT_EQ(encode(tokenizer, {}), Ids{});
}

TEST_F(Control, QuestionsAboutTokens) {
  const Tokenizer tokenizer = Tokenizer::from_gguf(vocabulary_, "test");
  EXPECT_TRUE(tokenizer.is_special(start) && tokenizer.is_control(start));
  EXPECT_TRUE(!tokenizer.is_special(think) && tokenizer.is_control(think));
  EXPECT_TRUE(!tokenizer.is_special(role) && tokenizer.is_control(role));
  EXPECT_FALSE(tokenizer.is_special(letter) || tokenizer.is_control(letter));
  EXPECT_FALSE(tokenizer.is_special(-1) || tokenizer.is_control(1 << 30));
  EXPECT_TRUE(tokenizer.is_unused(-1) && tokenizer.is_unused(tokenizer.size()) && !tokenizer.is_unused(0));
  EXPECT_EQ(tokenizer.decode(Ids{start, think, letter, -5, 1 << 30, 'a'}), "<|im_start|><think>üa");
  EXPECT_EQ(tokenizer.decode(Ids{start, think, letter}, true), "<think>ü");
  EXPECT_EQ(tokenizer.decode(Ids{0xF0, 0x9F, 'a'}), "\uFFFDa");
  EXPECT_EQ(tokenizer.bytes(' '), " ");
  EXPECT_EQ(tokenizer.piece(' '), "Ġ");
  EXPECT_EQ(tokenizer.bytes(-1), "");
  EXPECT_EQ(tokenizer.think_open(), think);
  EXPECT_EQ(tokenizer.think_close(), std::nullopt);
  EXPECT_EQ(tokenizer.id_of("nowhere"), std::nullopt);
  EXPECT_GT(tokenizer.memory_bytes(), 4'000u);
}

TEST_F(Control, UnusedRowsNeverMatch) {
  const int32_t old_padding = static_cast<int32_t>(vocabulary_.tokens.size());
  add(vocabulary_, "[PAD" + std::to_string(old_padding) + "]", 4);
  const int32_t unused = add(vocabulary_, "<nil>", 5);
  const Tokenizer tokenizer = Tokenizer::from_gguf(vocabulary_, "test");
  EXPECT_EQ(tokenizer.encode("<nil>"), bytes_of("<nil>"));
  EXPECT_EQ(tokenizer.encode("[PAD" + std::to_string(old_padding) + "]").size(), 8u);
  EXPECT_TRUE(tokenizer.is_unused(old_padding) && tokenizer.is_unused(unused));
  EXPECT_EQ(tokenizer.size(), unused + 1);
}

TEST_F(Control, InvalidBytesAreEncodedAsTheReplacement) {
  const Tokenizer tokenizer = Tokenizer::from_gguf(vocabulary_, "test");
  EXPECT_EQ(tokenizer.encode("a\xF0\x9F!"), bytes_of("a\uFFFD!"));
  EXPECT_EQ(encode(tokenizer, {{"\xFF", false}, {"<think>", true}}), bytes_of("\uFFFD") + Ids{think});
}

Json added(int id, const char* content, const char* flag = nullptr, bool special = false) {
  Json token = {{"id", id}, {"content", content}, {"special", special}, {"normalized", false}};
  if (flag != nullptr) token[flag] = true;
  return token;
}

TEST(AddedTokens, LongestOfTheLeftmost) {
  const Tokenizer tokenizer = with_added({added(256, "ab"), added(257, "abc"), added(258, "bcd"), added(259, "b")});
  EXPECT_EQ(tokenizer.encode("abcd"), (Ids{257, 'd'}));
  EXPECT_EQ(tokenizer.encode("abbcd"), (Ids{256, 258}));
  EXPECT_EQ(tokenizer.encode("xbcy"), (Ids{'x', 259, 'c', 'y'}));
  EXPECT_EQ(tokenizer.encode("ab", {.parse_special = false}), Ids{256});
}

TEST(AddedTokens, Flags) {
  EXPECT_EQ(with_added({added(256, "<x>", "lstrip")}).encode("a \t\u3000<x> b"), (Ids{'a', 256, ' ', 'b'}));
  EXPECT_EQ(with_added({added(256, "<x>", "rstrip")}).encode("a <x> \n<x>b"), (Ids{'a', ' ', 256, 256, 'b'}));
  const Tokenizer word = with_added({added(256, "foo", "single_word")});
  EXPECT_EQ(word.encode("foo"), Ids{256});
  EXPECT_EQ(word.encode("(foo)"), (Ids{'(', 256, ')'}));
  EXPECT_EQ(word.encode("foot"), bytes_of("foot"));
  EXPECT_EQ(word.encode("éfoo_"), bytes_of("éfoo_"));
}

TEST(AddedTokens, NormalizedOnesMatchNormalizedText) {
  const Json nfc = {{"type", "NFC"}};
  const std::string apart = "e\u0301", whole = "\u00E9";
  EXPECT_EQ(with_added({added(256, apart.c_str(), "normalized")}, nfc).encode("x" + whole), (Ids{'x', 256}));
  EXPECT_EQ(with_added({added(256, whole.c_str(), "normalized")}, nfc).encode("x" + apart), (Ids{'x', 256}));
  EXPECT_EQ(with_added({added(256, apart.c_str())}, nfc).encode("x" + apart), (Ids{'x', 256}));
  EXPECT_EQ(with_added({added(256, apart.c_str())}, nfc).encode("x" + whole), bytes_of("x" + whole));
  // '>' and a following U+0338 become one character: only a token that matches raw text is still found.
  EXPECT_EQ(with_added({added(256, "<t>", "normalized")}, nfc).encode("<t>\u0338"), bytes_of("<t\u226F"));
  EXPECT_EQ(with_added({added(256, "<t>")}, nfc).encode("<t>\u0338"), Ids{256} + bytes_of("\u0338"));
}

TEST(AddedTokens, SpansStayApartThroughNormalisation) {
  const Tokenizer tokenizer = with_added({added(256, "<think>", "normalized")}, {{"type", "NFC"}});
  EXPECT_EQ(encode(tokenizer, {{"<think>", true}, {"e\u0301<think>", false}, {"<think>", true}}),
            Ids{256} + bytes_of("\u00E9<think>") + Ids{256});
  EXPECT_EQ(encode(tokenizer, {{"<think>", true}, {"\u0338", false}, {"<think>", true}}),
            bytes_of("<think\u226F") + Ids{256});
  EXPECT_EQ(encode(tokenizer, {{"x\u0301<think>", true}, {"e", false}, {"\u0301<think>", true}}),
            bytes_of("x\u0301") + Ids{256} + bytes_of("\u00E9") + Ids{256});
}

// Any way of cutting a text into spans gives the ids of the whole text, as long as no control token is in it.
TEST(PromptSpans, CutsDoNotShowInOrdinaryText) {
  const auto tokenizer = open_named("qwen3");
  if (!tokenizer) GTEST_SKIP() << "needs the tokenizer qwen3 (../shared/data/tokenizers)";
  R1_DATA_OR_SKIP(path, "tokenizers/llama.cpp-vectors/ggml-vocab-qwen2.gguf.inp");
  std::mt19937 random(5);
  for (const std::string& text : read_vector_texts(path)) {
    for (int round = 0; round < 20; ++round) {
      std::vector<PromptSpan> spans;
      for (size_t at = 0; at < text.size();) {
        size_t end = std::min(text.size(), at + 1 + random() % 9);
        while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
        spans.push_back({text.substr(at, end - at), random() % 2 == 0});
        at = end;
      }
      ASSERT_EQ(tokenizer->encode(spans), tokenizer->encode(text)) << text;
    }
  }
}

// llama-bpe's pre-tokenizer with a vocabulary in which ignore_merges shows: "hello" is a token that no merges lead to.
TEST(LlamaBpe, WholeWordsDigitsAndContractions) {
  GgufVocabulary vocabulary = small_vocabulary("llama-bpe", {"he", "ll", "123", "'ll", "Ġwe"});
  const int32_t hello = add(vocabulary, "hello", 1);
  const int32_t bos = add(vocabulary, "<|begin_of_text|>", 3);
  vocabulary.bos = bos;
  const Tokenizer tokenizer = Tokenizer::from_gguf(vocabulary, "test");
  const auto id = [&](const char* text) { return tokenizer.id_of(text).value(); };
  EXPECT_EQ(tokenizer.family(), "llama-bpe");
  EXPECT_EQ(tokenizer.encode("hello"), Ids{hello});
  EXPECT_EQ(tokenizer.encode("hellos"), (Ids{id("he"), id("ll"), 'o', 's'})) << "only a whole word";
  EXPECT_EQ(tokenizer.encode("1234"), (Ids{id("123"), '4'}));
  EXPECT_EQ(tokenizer.encode("12345 6"), (Ids{id("123"), '4', '5', ' ', '6'}));
  EXPECT_EQ(tokenizer.encode("we'll"), (Ids{'w', 'e', id("'ll")}));
  EXPECT_EQ(tokenizer.encode(" we"), Ids{id("Ġwe")});
  EXPECT_EQ(tokenizer.encode("e\u0301"), bytes_of("e\u0301")) << "no NFC";
  EXPECT_EQ(tokenizer.encode("hello", {.add_special = true}), (Ids{bos, hello}))
      << "llama-bpe adds bos where the file is silent";
  EXPECT_TRUE(tokenizer.adds_bos());

  const Tokenizer copy = Tokenizer::from_json(tokenizer.to_tokenizer_json().dump(), Json(), "copy");
  for (const char* text : {"hello", "hellos", "1234 we'll", "HE'LL\r\n  x"}) {
    EXPECT_EQ(copy.encode(text, {.add_special = true}), tokenizer.encode(text, {.add_special = true}));
  }
}

// The texts of llama.cpp's llama-bpe vectors, each a sequence of single bytes here: what is tested is that nothing is
// lost or reordered.
TEST(LlamaBpe, EveryVectorTextComesBack) {
  R1_DATA_OR_SKIP(path, "tokenizers/llama.cpp-vectors/ggml-vocab-llama-bpe.gguf.inp");
  const Tokenizer tokenizer = Tokenizer::from_gguf(small_vocabulary("llama-bpe", {"Ġt", "Ġthe", "123", "333"}), "test");
  for (const std::string& text : read_vector_texts(path)) EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
}

class RoundTrip : public testing::TestWithParam<const char*> {};

TEST_P(RoundTrip, DecodeOfEncodeIsTheText) {
  const auto tokenizer = open_named(GetParam());
  if (!tokenizer) GTEST_SKIP() << "needs the tokenizer " << GetParam() << " (../shared/data/tokenizers)";
  const bool nfc = tokenizer->family() == "qwen2";
  std::mt19937 random(9);
  for (int i = 0; i < 3'000; ++i) {
    std::string text;
    for (int k = static_cast<int>(random() % 30); k > 0; --k) {
      const char32_t limits[] = {0x80, 0x800, 0x3400, 0x110000};
      append_utf8(text, static_cast<char32_t>(random() % limits[random() % 4]));
    }
    ASSERT_EQ(tokenizer->decode(tokenizer->encode(text)), nfc ? normalize_nfc(text) : text);
  }
}

INSTANTIATE_TEST_SUITE_P(Tokenizers, RoundTrip, testing::Values("deepseek-v3", "qwen3"),
                         [](const auto& info) { return std::string(info.param).substr(0, info.index == 0 ? 8 : 5); });

}  // namespace
}  // namespace r1
