// Tokenizers inside GGUF files against the ids that other engines gave: vocabulary-only files with llama.cpp's vectors,
// the real model with its own goldens, and each of them written as the hub's files and read again.
#include <gtest/gtest.h>

#include "engine/loaded_model.h"
#include "tokenizer_cases.h"

namespace r1 {
namespace {

using Ids = std::vector<int32_t>;

Tokenizer through_hub_files(const Tokenizer& tokenizer) {
  return Tokenizer::from_json(tokenizer.to_tokenizer_json().dump(), Json::parse(tokenizer.to_tokenizer_config().dump()),
                              "converted");
}

class VocabularyOnly : public testing::TestWithParam<const char*> {};

TEST_P(VocabularyOnly, EveryTextHasItsIds) {
  const std::string stem = std::string("tokenizers/llama.cpp-vectors/ggml-vocab-") + GetParam() + ".gguf";
  R1_DATA_OR_SKIP(model, stem);
  R1_DATA_OR_SKIP(texts_path, stem + ".inp");
  R1_DATA_OR_SKIP(ids_path, stem + ".out");
  const Tokenizer tokenizer = open_tokenizer(model);
  const Tokenizer copy = through_hub_files(tokenizer);
  const Tokenizer again = Tokenizer::from_gguf(tokenizer.to_gguf(tokenizer.size()), "again");
  const auto texts = read_vector_texts(texts_path);
  const auto ids = read_vector_ids(ids_path);
  ASSERT_EQ(texts.size(), 46u);
  ASSERT_EQ(ids.size(), 46u);
  for (size_t i = 0; i < texts.size(); ++i) {
    for (const Tokenizer* each : {&tokenizer, &copy, &again}) {
      EXPECT_EQ(each->encode(texts[i]), ids[i]) << texts[i];
      EXPECT_EQ(each->encode(texts[i], {.parse_special = false}), ids[i]) << texts[i];
      EXPECT_EQ(each->decode(ids[i]), texts[i]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Files, VocabularyOnly, testing::Values("deepseek-llm", "gpt-2"),
                         [](const auto& info) { return std::string(info.param) == "gpt-2" ? "gpt2" : "deepseek_llm"; });

TEST(VocabularyOnly, AddedLettersMatchBeforeWordsAreCut) {
  R1_DATA_OR_SKIP(model, "tokenizers/llama.cpp-vectors/ggml-vocab-deepseek-llm.gguf");
  const Tokenizer tokenizer = open_tokenizer(model);
  const Ids ids = tokenizer.encode("Führer", {.parse_special = false});
  ASSERT_GE(ids.size(), 3u);
  EXPECT_EQ(ids[1], 100014);
  EXPECT_EQ(tokenizer.decode(ids), "Führer");
  EXPECT_FALSE(tokenizer.is_control(100014));
  EXPECT_TRUE(tokenizer.is_unused(100015)) << "[PAD100015], user-defined in this old file";
  EXPECT_EQ(tokenizer.encode("[PAD100015]", {}).size(), tokenizer.encode("[PAD100016]", {}).size());
  EXPECT_EQ(tokenizer.encode("", {.add_special = true}), Ids{100000});
}

struct RealModel : testing::Test {
  void check(const Tokenizer& tokenizer, const std::filesystem::path& goldens) {
    int lines = 0;
    std::istringstream file(read_file(goldens));
    for (std::string line; std::getline(file, line); ++lines) {
      const Json golden = parse_json(line, "tokenize.jsonl");
      const auto text = golden["text"].get<std::string>();
      const auto ids = golden["ids"].get<Ids>();
      ASSERT_EQ(tokenizer.encode(text, {.parse_special = golden["parse_special"].get<bool>()}), ids) << text;
      if (!golden.contains("detok_hex")) {
        ASSERT_EQ(tokenizer.decode(ids), golden["detok"].get<std::string>());
      }
      ASSERT_EQ(tokenizer.decode(ids, true), golden.value("detok_skip_special", golden["detok"].get<std::string>()));
      if (golden["roundtrip"].get<bool>()) {
        ASSERT_EQ(tokenizer.decode(ids), text);
      }
    }
    EXPECT_EQ(lines, 382);
  }
};

TEST_F(RealModel, EveryLineOfItsGoldens) {
  R1_DATA_OR_SKIP(model, "models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf");
  R1_DATA_OR_SKIP(goldens, "models/smollm2-135m-instruct/golden/tokenize.jsonl");
  const Tokenizer tokenizer = open_tokenizer(model);
  check(tokenizer, goldens);
  check(through_hub_files(tokenizer), goldens);
  check(Tokenizer::from_gguf(tokenizer.to_gguf(tokenizer.size()), "again"), goldens);
}

// The whole text as one literal gives the golden ids; with contents as messages, only the content that holds a control
// token may differ.
TEST_F(RealModel, Chats) {
  R1_DATA_OR_SKIP(model, "models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf");
  R1_DATA_OR_SKIP(goldens, "models/smollm2-135m-instruct/golden/chat.jsonl");
  const Tokenizer tokenizer = open_tokenizer(model);
  std::istringstream file(read_file(goldens));
  int lines = 0;
  for (std::string line; std::getline(file, line); ++lines) {
    const Json golden = parse_json(line, "chat.jsonl");
    const auto text = golden["text"].get<std::string>();
    EXPECT_EQ(tokenizer.encode(text), golden["ids"].get<Ids>());
    std::vector<PromptSpan> spans;  // every content where it stands in the text, the rest literal
    size_t done = 0;
    for (const Json& message : golden["messages"]) {
      const auto content = message["content"].get<std::string>();
      const std::string before = "<|im_start|>" + message["role"].get<std::string>() + "\n";
      const size_t turn = text.find(before + content, done);
      ASSERT_NE(turn, std::string::npos) << text;
      const size_t at = turn + before.size();
      spans.push_back({text.substr(done, at - done), true});
      spans.push_back({content, false});
      done = at + content.size();
    }
    spans.push_back({text.substr(done), true});
    const Ids ids = tokenizer.encode(spans);
    EXPECT_EQ(tokenizer.decode(ids), text);
    EXPECT_EQ(ids == golden["ids"].get<Ids>(), golden["id"] != 23) << text;
  }
  EXPECT_EQ(lines, 56);
}

}  // namespace
}  // namespace r1
