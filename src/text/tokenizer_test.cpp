#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <chrono>

#include "base/utf8.h"
#include "text/unicode_classes.h"
#include "tokenizer_cases.h"

namespace r1 {
namespace {

using Ids = std::vector<int32_t>;

struct VectorFile {
  std::string tokenizer, ids;
};

class TokenizerVectors : public testing::TestWithParam<VectorFile> {};

TEST_P(TokenizerVectors, EveryTextHasItsIds) {
  const auto tokenizer = open_named(GetParam().tokenizer);
  if (!tokenizer) GTEST_SKIP() << "needs the tokenizer " << GetParam().tokenizer << " (../shared/data/tokenizers)";
  R1_DATA_OR_SKIP(texts_path, "tokenizers/llama.cpp-vectors/ggml-vocab-qwen2.gguf.inp");
  R1_DATA_OR_SKIP(ids_path, "tokenizers/llama.cpp-vectors/" + GetParam().ids);
  const auto texts = read_vector_texts(texts_path);
  const auto ids = read_vector_ids(ids_path);
  ASSERT_EQ(texts.size(), 46u);
  ASSERT_EQ(ids.size(), 46u);
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(tokenizer->encode(texts[i]), ids[i]) << "text " << i << ": " << texts[i];
    EXPECT_EQ(tokenizer->decode(ids[i]), texts[i]);
  }
}

INSTANTIATE_TEST_SUITE_P(Files, TokenizerVectors,
                         testing::Values(VectorFile{"deepseek-v3", "generated-deepseek-v3.out"},
                                         VectorFile{"qwen3", "ggml-vocab-qwen2.gguf.out"},
                                         VectorFile{"qwen3", "ggml-vocab-deepseek-r1-qwen.gguf.out"}),
                         [](const auto& info) { return "case" + std::to_string(info.index); });

class EncodeCases : public testing::TestWithParam<std::string> {};

TEST_P(EncodeCases, IdsAndBothDecodings) {
  const auto tokenizer = open_named(GetParam());
  if (!tokenizer) GTEST_SKIP() << "needs the tokenizer " << GetParam() << " (../shared/data/tokenizers)";
  R1_DATA_OR_SKIP(path, "tokenizers/encode_cases.json");
  const Json cases = read_json(path);
  const Json& results = cases["results"][GetParam()];
  ASSERT_EQ(results.size(), 26u);
  for (size_t i = 0; i < results.size(); ++i) {
    const auto ids = results[i]["ids"].get<Ids>();
    EXPECT_EQ(tokenizer->encode(cases["inputs"][i].get<std::string>()), ids) << cases["inputs"][i];
    EXPECT_EQ(tokenizer->decode(ids), results[i]["decoded"].get<std::string>());
    EXPECT_EQ(tokenizer->decode(ids, true), results[i]["decoded_skip_special"].get<std::string>());
  }
}

TEST_P(EncodeCases, ChatRenderings) {
  const auto tokenizer = open_named(GetParam());
  if (!tokenizer) GTEST_SKIP() << "needs the tokenizer " << GetParam() << " (../shared/data/tokenizers)";
  R1_DATA_OR_SKIP(path, "tokenizers/templates/chat_cases.json");
  int checked = 0;
  for (const Json& chat : read_json(path)) {
    if (!chat.contains("ids") || !chat["ids"].contains(GetParam())) continue;
    const auto text = chat["expected"].get<std::string>();
    EXPECT_EQ(tokenizer->encode(text), chat["ids"][GetParam()].get<Ids>()) << text;
    const PromptSpan whole{text, true};
    EXPECT_EQ(tokenizer->encode(std::span(&whole, 1)), chat["ids"][GetParam()].get<Ids>());
    ++checked;
  }
  EXPECT_GE(checked, 10);
}

// The same ids after writing as GGUF or as the hub's files and reading again.
TEST_P(EncodeCases, ConversionKeepsIds) {
  const auto tokenizer = open_named(GetParam());
  if (!tokenizer) GTEST_SKIP() << "needs the tokenizer " << GetParam() << " (../shared/data/tokenizers)";
  R1_DATA_OR_SKIP(path, "tokenizers/encode_cases.json");
  const Json cases = read_json(path);
  const GgufVocabulary gguf = tokenizer->to_gguf(tokenizer->size() + 100);
  const Tokenizer from_gguf = Tokenizer::from_gguf(gguf, "converted");
  const auto from_hub = [](const Tokenizer& source) {
    return Tokenizer::from_json(source.to_tokenizer_json().dump(), Json::parse(source.to_tokenizer_config().dump()),
                                "converted");
  };
  const Tokenizer copies[] = {from_hub(*tokenizer), from_hub(from_gguf)};
  for (const Json& text : cases["inputs"]) {
    const auto ids = tokenizer->encode(text.get<std::string>(), {.add_special = true});
    EXPECT_EQ(from_gguf.encode(text.get<std::string>(), {.add_special = true}), ids);
    for (const Tokenizer& copy : copies) {
      EXPECT_EQ(copy.encode(text.get<std::string>(), {.add_special = true}), ids);
      EXPECT_EQ(copy.decode(ids, true), tokenizer->decode(ids, true));
      EXPECT_EQ(copy.bos(), tokenizer->bos());
      EXPECT_EQ(copy.eos(), tokenizer->eos());
    }
  }
  EXPECT_EQ(from_gguf.size(), tokenizer->size() + 100);
  EXPECT_TRUE(from_gguf.is_unused(tokenizer->size() + 99));
}

INSTANTIATE_TEST_SUITE_P(Tokenizers, EncodeCases,
                         testing::Values("deepseek-v3", "deepseek-r1", "qwen3", "r1-distill-qwen"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(Tokenizer, FixtureCases) {
  R1_DATA_OR_SKIP(path, "fixtures/tokenizer_cases.json");
  R1_DATA_OR_SKIP(folder, "fixtures/llama");
  const Tokenizer tokenizer = open_folder(folder);
  const Json cases = read_json(path);
  for (const Json& item : cases["cases"]) {
    const auto text = item["text"].get<std::string>();
    EXPECT_EQ(tokenizer.encode(text, {.add_special = true}), item["ids"].get<Ids>()) << text;
    EXPECT_EQ(tokenizer.encode(text), item["ids_without_bos"].get<Ids>()) << text;
  }
  for (const Json& chat : cases["chats"])
    EXPECT_EQ(tokenizer.encode(chat["text"].get<std::string>()), chat["ids"].get<Ids>());
}

}  // namespace
}  // namespace r1
