// Hostile and broken vocabularies: one clear sentence each, never a crash or a large allocation.
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "text/vocabulary.h"
#include "tokenizer_cases.h"

namespace r1 {
namespace {

const char* const kSmall = R"({
  "version": "1.0",
  "added_tokens": [{"id": 4, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
  "normalizer": null,
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
  "post_processor": {"type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "special_tokens": {"<s>": {"id": "<s>", "ids": [4], "tokens": ["<s>"]}}},
  "decoder": {"type": "ByteLevel"},
  "model": {"type": "BPE", "dropout": null, "unk_token": null, "vocab": {"a": 0, "b": 1, "ab": 2, "Ġ": 3}, "merges": ["a b"]}
})";

std::string error_of(const std::string& text, const Json& config = Json()) {
  try {
    const Tokenizer tokenizer = Tokenizer::from_json(text, config, "m/tokenizer.json");
    tokenizer.encode("ab <s> a");
  } catch (const Error& error) {
    EXPECT_EQ(error.exit(), Exit::kBadModel);
    return error.what();
  }
  return "";
}

// kSmall with one place changed by a JSON merge patch.
std::string changed(const char* patch) {
  Json json = Json::parse(kSmall);
  json.merge_patch(Json::parse(patch));
  return json.dump();
}

TEST(BadTokenizerJson, TheSmallOneIsGood) {
  EXPECT_EQ(error_of(kSmall), "");
  const Tokenizer tokenizer = Tokenizer::from_json(kSmall, Json(), "x");
  EXPECT_EQ(tokenizer.encode("ab a", {.add_special = true}), (std::vector<int32_t>{4, 2, 3, 0}));
  EXPECT_EQ(tokenizer.bos(), 4);
}

TEST(BadTokenizerJson, EachFaultIsNamed) {
  struct {
    const char *patch, *says;
  } const faults[] = {
      {R"({"model": null})", "'model' is missing"},
      {R"({"model": {"type": "Unigram"}})", "\"Unigram\" is not supported"},
      {R"({"model": {"vocab": null, "merges": null}, "added_tokens": null, "post_processor": null})",
       "the vocabulary is empty"},
      {R"({"model": {"vocab": {"a": -1}}})", "id -1, which is out of range"},
      {R"({"model": {"vocab": {"a": 1099511627776}}})", "id 1099511627776, which is out of range"},
      {R"({"model": {"vocab": {"a": 18446744073709551615}}})", "which is out of range"},
      {R"({"model": {"vocab": {"a": 2000000000}}})", "out of range"},
      {R"({"model": {"vocab": {"a": 1}}})", "the id 1 is given to two tokens"},
      {R"({"model": {"vocab": {"a": 1.5}}})", "the id of 'a' is not a whole number"},
      {R"({"model": {"vocab": {"a": "0"}}})", "the id of 'a' is not a whole number"},
      {R"({"model": {"vocab": {"a": [0]}}})", "an array as an id"},
      {R"({"model": {"vocab": {"a": {}}}})", "an object as an id"},
      {R"({"model": {"vocab": ["a"]}})", "model.vocab is not an object"},
      {R"({"model": {"merges": {"a": 1}}})", "model.merges is not an array"},
      {R"({"model": {"merges": ["a c"]}})", "right part 'c' is not in the vocabulary"},
      {R"({"model": {"merges": ["b a"]}})", "union 'ba' is not in the vocabulary"},
      {R"({"model": {"merges": ["ab"]}})", "'ab' is not two tokens"},
      {R"({"model": {"merges": ["a b c"]}})", "'a b c' is not two tokens"},
      {R"({"model": {"merges": [["a"]]}})", "not of two strings"},
      {R"({"model": {"merges": [["a", "b", "c"]]}})", "not of two strings"},
      {R"({"model": {"merges": [[["a"], "b"]]}})", "an array inside a pair"},
      {R"({"model": {"merges": [3]}})", "a value that is not a string"},
      {R"({"model": {"merges": [{}]}})", "an object"},
      {R"({"model": {"byte_fallback": true}})", "byte_fallback"},
      {R"({"model": {"dropout": 0.1}})", "dropout 0.1"},
      {R"({"model": {"continuing_subword_prefix": "##"}})", "continuing_subword_prefix \"##\""},
      {R"({"model": {"unk_token": "a", "fuse_unk": true}})", "fuse_unk"},
      {R"({"added_tokens": 3})", "'added_tokens' is not an array"},
      {R"({"added_tokens": [3]})", "out of range"},
      {R"({"added_tokens": [{"id": -4, "content": "<s>"}]})", "the id -4 is out of range"},
      {R"({"added_tokens": [{"id": 1099511627776, "content": "<s>"}]})", "the id 1099511627776 is out of range"},
      {R"({"added_tokens": [{"id": 4}]})", "'content' is missing"},
      {R"({"added_tokens": [{"id": 2, "content": "<s>"}]})", "the id 2 is given to two tokens"},
      {R"({"added_tokens": [{"id": 4, "content": "<s>"}, {"id": 4, "content": "<s>"}]})",
       "the id 4 is given to two tokens"},
      {R"({"added_tokens": [{"id": 4, "content": "<s>"}, {"id": 5, "content": "<s>"}]})", "'<s>' occurs twice"},
      {R"({"post_processor": {"type": "BertProcessing"}})", "'BertProcessing' is not supported"},
      {R"({"post_processor": {"special_tokens": null}})", "'<s>' is not among its special_tokens"},
      {R"({"post_processor": {"special_tokens": {"<s>": {"ids": [77]}}}})",
       "token 77 that is put around texts does not exist"},
      {R"({"post_processor": {"single": ["x"]}})", "'id' is missing"},
      {R"({"normalizer": {"type": "Lowercase"}})", "normalizer 'Lowercase' is not supported"},
      {R"({"normalizer": 3})", "normalizer: 'type' is missing"},
      {R"({"pre_tokenizer": null})", "'pre_tokenizer' is missing"},
      {R"({"pre_tokenizer": {"type": "Whitespace"}})", "'Whitespace' is not supported"},
      {R"({"decoder": {"type": "Metaspace"}})", "decoder 'Metaspace' is not supported"},
  };
  for (const auto& fault : faults) {
    const std::string sentence = error_of(changed(fault.patch));
    EXPECT_NE(sentence.find(fault.says), std::string::npos) << fault.patch << "\n  says: " << sentence;
    EXPECT_EQ(sentence.rfind("m/tokenizer.json: ", 0), 0u) << sentence;
  }
}

TEST(BadTokenizerJson, TextFaults) {
  EXPECT_NE(error_of("").find("not valid JSON"), std::string::npos);
  EXPECT_NE(error_of("[]").find("'model' is missing"), std::string::npos);
  EXPECT_NE(error_of("{\"model\": {\"vocab\": {\"\xff\": 1}}}").find("not valid JSON"), std::string::npos);
  EXPECT_NE(error_of("{\"model\": 1e999}").find("not valid JSON"), std::string::npos);
  EXPECT_NE(error_of(std::string(100'000, '[')).find("nested deeper"), std::string::npos);
  EXPECT_NE(error_of(R"({"model": {}, "model": {}})").find("'model' twice"), std::string::npos);
  EXPECT_NE(error_of(R"({"model": {"vocab": {}, "vocab": {}}})").find("model.vocab occurs twice"), std::string::npos);
  EXPECT_NE(error_of(R"({"model": {"vocab": {"a": 0, "a": 1}}, "pre_tokenizer": {"type": "ByteLevel"}})")
                .find("'a' has two ids"),
            std::string::npos);
  EXPECT_NE(error_of(kSmall, Json::array()).find("tokenizer_config.json is not an object"), std::string::npos);
  EXPECT_NE(error_of(kSmall, {{"added_tokens_decoder", {{"x", {{"content", "y"}}}}}}).find("'x' is out of range"),
            std::string::npos);
  Json long_token = Json::parse(kSmall);
  long_token["added_tokens"][0]["content"] = std::string(5000, '<');
  EXPECT_NE(error_of(long_token.dump()).find("has 5000 bytes"), std::string::npos);
}

TEST(BadTokenizerJson, CutAnywhere) {
  const std::string text = kSmall;
  for (size_t length = 0; length < text.rfind('}'); ++length) EXPECT_NE(error_of(text.substr(0, length)), "") << length;
}

// Whatever it says, it returns or throws Error.
TEST(BadTokenizerJson, GarbledAnywhere) {
  std::mt19937 random(1);
  const std::string text = kSmall;
  int bad = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string garbled = text;
    for (int k = 0; k < 1 + i % 3; ++k) garbled[random() % garbled.size()] = static_cast<char>(random() % 256);
    bad += error_of(garbled).empty() ? 0 : 1;
  }
  EXPECT_GT(bad, 1000);
}

TEST(TokenizerConfig, FillsIn) {
  const Json config = {
      {"bos_token", {{"content", "<s>"}}},
      {"eos_token", "<e>"},
      {"add_eos_token", true},
      {"added_tokens_decoder", {{"5", {{"content", "<e>"}, {"special", true}}}, {"4", {{"content", "<s>"}}}}},
      {"chat_template", {{{"name", "tool_use"}, {"template", "T"}}, {{"name", "default"}, {"template", "D"}}}}};
  const Tokenizer tokenizer = Tokenizer::from_json(kSmall, config, "x");
  EXPECT_EQ(tokenizer.bos_text(), "<s>");
  EXPECT_EQ(tokenizer.eos(), 5);
  EXPECT_EQ(tokenizer.end_ids(), std::vector<int32_t>{5});
  EXPECT_EQ(tokenizer.encode("a<e>", {.add_special = true}), (std::vector<int32_t>{4, 0, 5, 5}));
  EXPECT_EQ(tokenizer.chat_template(), "D");
  const Tokenizer without = Tokenizer::from_json(changed(R"({"post_processor": null})"), {{"bos_token", "<s>"}}, "x");
  EXPECT_FALSE(without.adds_bos());
  EXPECT_TRUE(
      Tokenizer::from_json(changed(R"({"post_processor": null})"), {{"bos_token", "<s>"}, {"add_bos_token", true}}, "x")
          .adds_bos());
}

GgufVocabulary good_gguf() {
  GgufVocabulary vocabulary;
  vocabulary.model = "gpt2";
  vocabulary.pre = "gpt-2";
  vocabulary.tokens = {"a", "b", "ab", "<s>"};
  vocabulary.types = {1, 1, 1, 3};
  vocabulary.merges = {"a b"};
  return vocabulary;
}

TEST(BadGgufVocabulary, EachFaultIsNamed) {
  const auto error_of = [](const std::function<void(GgufVocabulary&)>& change) -> std::string {
    GgufVocabulary vocabulary = good_gguf();
    change(vocabulary);
    try {
      Tokenizer::from_gguf(vocabulary, "m.gguf").encode("ab");
    } catch (const Error& error) {
      EXPECT_EQ(error.exit(), Exit::kBadModel);
      EXPECT_EQ(std::string(error.what()).rfind("m.gguf: ", 0), 0u) << error.what();
      return error.what();
    }
    return "";
  };
  const auto expect = [&](const std::function<void(GgufVocabulary&)>& change, const char* says) {
    const std::string sentence = error_of(change);
    EXPECT_NE(sentence.find(says), std::string::npos) << "expected: " << says << "\nfound: " << sentence;
  };
  EXPECT_EQ(error_of([](GgufVocabulary&) {}), "");
  EXPECT_EQ(error_of([](GgufVocabulary& v) { v.types.clear(); }), "");
  expect([](GgufVocabulary& v) { v.model = "llama"; }, "'llama' (tokenizer.ggml.model) is not supported");
  expect([](GgufVocabulary& v) { v.pre = "kimi-k2"; }, "unknown pre-tokenizer 'kimi-k2'");
  expect([](GgufVocabulary& v) { v.tokens.clear(); }, "missing or empty");
  expect(
      [](GgufVocabulary& v) {
        v.types = {5, 5, 5, 5};
        v.merges.clear();
      },
      "the vocabulary is empty");
  expect([](GgufVocabulary& v) { v.types.pop_back(); }, "3 entries for 4 tokens");
  expect([](GgufVocabulary& v) { v.types[1] = 9; }, "token 1 is of the unknown type 9");
  expect([](GgufVocabulary& v) { v.tokens[1] = "a"; }, "'a' has two ids, 0 and 1");
  expect([](GgufVocabulary& v) { v.tokens[1] = "\xff"; }, "the text of token 1 is not valid UTF-8");
  expect([](GgufVocabulary& v) { v.tokens[3] = "\xc3"; }, "the text of token 3 is not valid UTF-8");
  expect([](GgufVocabulary& v) { v.merges[0] = "a c"; }, "'c' is not in the vocabulary");
  expect([](GgufVocabulary& v) { v.merges[0] = "ab"; }, "'ab' is not two tokens");
  expect([](GgufVocabulary& v) { v.bos = 4; }, "bos_token_id is 4, but the vocabulary has 4 tokens");
  expect([](GgufVocabulary& v) { v.pad = -7; }, "padding_token_id is -7");
}

TEST(Conversion, WhatCannotBeSaidIsRefused) {
  const Tokenizer tokenizer = Tokenizer::from_gguf(good_gguf(), "m.gguf");
  EXPECT_THROW(tokenizer.to_gguf(3), Error);
  EXPECT_EQ(tokenizer.to_gguf(6).tokens[5], "[PAD5]");
  const Tokenizer custom = Tokenizer::from_json(changed(R"({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": " ?[A-Za-z]+"}, "behavior": "Isolated", "invert": false},
        {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]}})"),
                                                Json(), "x");
  EXPECT_EQ(custom.family(), "");
  EXPECT_THROW(custom.to_gguf(10), Error);
  EXPECT_EQ(Tokenizer::from_json(custom.to_tokenizer_json().dump(), Json(), "y").encode("ab a"), custom.encode("ab a"));
}

}  // namespace
}  // namespace r1
