// Every fixture and every tiny GGUF opens; every tensor of the latter decodes to the numbers that two other readers
// saw.
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <fstream>

#include "formats/gguf.h"
#include "formats/weight_source.h"
#include "tensor/quant.h"
#include "test_data.h"

namespace r1 {
namespace {

std::string sha256(std::span<const float> values) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_Digest(values.data(), values.size_bytes(), digest, &length, EVP_sha256(), nullptr);
  std::string text;
  for (unsigned int i = 0; i < length; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

std::vector<float> decoded(const Tensor& tensor) {
  std::vector<float> values(static_cast<size_t>(tensor.elements()));
  decode(tensor.dtype(), tensor.data(), values.data(), tensor.elements());
  return values;
}

std::vector<std::filesystem::path> fixture_folders() {
  std::vector<std::filesystem::path> folders;
  for (const auto& [name, path] : data_entries("fixtures")) {
    if (std::filesystem::exists(path / "config.json")) folders.push_back(path);
  }
  return folders;
}

TEST(OpenSource, EveryFixture) {
  const auto folders = fixture_folders();
  if (folders.empty()) GTEST_SKIP() << "needs fixtures";
  for (const auto& folder : folders) {
    SCOPED_TRACE(folder.string());
    const auto source = open_source(folder);
    const auto names = source->names();
    EXPECT_GT(names.size(), 5u);
    EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
    for (const std::string& name : names) {
      const auto stored = source->find(name);
      ASSERT_TRUE(stored.has_value()) << name;
      EXPECT_EQ(stored->name, name);
    }
    const auto embedding = source->find("model.embed_tokens.weight");
    ASSERT_TRUE(embedding.has_value());
    EXPECT_EQ(embedding->values.rows(), source->config().at("vocab_size").get<int64_t>());
    EXPECT_FALSE(source->find("model.embed_tokens").has_value());
    EXPECT_TRUE(source->generation_config().is_object());
  }
}

TEST(OpenSource, ShardsHoldWhatTheSingleFileHolds) {
  R1_DATA_OR_SKIP(sharded, "fixtures/deepseek_v2_lite_sharded");
  R1_DATA_OR_SKIP(single, "fixtures/deepseek_v2_lite");
  const auto many = open_source(sharded), one = open_source(single);
  ASSERT_EQ(many->names(), one->names());
  for (const std::string& name : one->names()) {
    const Tensor a = many->find(name)->values, b = one->find(name)->values;
    ASSERT_EQ(a.shape_text(), b.shape_text()) << name;
    ASSERT_EQ(decoded(a), decoded(b)) << name;
  }
}

// One line of models/tiny-llama-gguf/index.jsonl per file.
std::vector<Json> tiny_index() {
  std::vector<Json> entries;
  const auto path = find_data("models/tiny-llama-gguf/index.jsonl");
  if (!path) return entries;
  std::ifstream lines(*path);
  for (std::string line; std::getline(lines, line);) entries.push_back(Json::parse(line));
  return entries;
}

TEST(OpenSource, EveryTensorOfEveryTinyGguf) {
  int files = 0;
  for (const Json& entry : tiny_index()) {
    const auto path = find_data("models/tiny-llama-gguf/" + entry["file"].get<std::string>());
    if (!path) continue;
    SCOPED_TRACE(path->string());
    ++files;
    const Gguf gguf(*path);
    ASSERT_EQ(gguf.tensors().size(), entry["tensors"].size());
    for (const auto& [name, expected] : entry["tensors"].items()) {
      const GgufTensor* tensor = gguf.find(name);
      ASSERT_NE(tensor, nullptr) << name;
      EXPECT_EQ(ggml_type(tensor->type).name, expected["type"].get<std::string>()) << name;
      EXPECT_EQ(std::vector<int64_t>(tensor->shape, tensor->shape + tensor->rank),
                expected["shape"].get<std::vector<int64_t>>());
      if (!ggml_type(tensor->type).dtype) continue;  // a type that r1 refuses
      std::vector<float> values = decoded(tensor->values());
      for (float& value : values) value += 0.0f;  // the hashes are of numbers without a negative zero
      EXPECT_EQ(sha256(values), expected["sha256_f32"].get<std::string>()) << name;
    }
  }
  if (files == 0) GTEST_SKIP() << "needs models/tiny-llama-gguf";
}

TEST(OpenSource, TinyGgufsSpeakHubNames) {
  int files = 0;
  for (const Json& entry : tiny_index()) {
    const auto path = find_data("models/tiny-llama-gguf/" + entry["file"].get<std::string>());
    if (!path) continue;
    SCOPED_TRACE(path->string());
    ++files;
    bool decodable = true;
    for (const Json& tensor : entry["tensors"]) {
      for (const char* refused : {"IQ1", "IQ2", "IQ3", "TQ", "Q1_0", "Q2_0", "NVFP4"}) {
        if (tensor["type"].get<std::string>().starts_with(refused)) decodable = false;
      }
    }
    if (!decodable) {
      EXPECT_THROW(open_source(*path), Error);
      continue;
    }
    const auto source = open_source(*path);
    for (const std::string& name : source->names()) {
      EXPECT_TRUE(name.starts_with("model.") || name == "lm_head.weight" || name == "rope_freqs.weight") << name;
    }
    EXPECT_EQ(source->find("model.embed_tokens.weight")->values.rows(),
              source->config().at("vocab_size").get<int64_t>());
    EXPECT_EQ(source->license(), "mit");
  }
  if (files == 0) GTEST_SKIP() << "needs models/tiny-llama-gguf";
}

TEST(OpenSource, NothingThere) {
  const auto expect_not_found = [](const std::filesystem::path& path) {
    try {
      open_source(path);
      FAIL() << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.exit(), Exit::kNotFound) << error.what();
      EXPECT_NE(std::string(error.what()).find(path.string()), std::string::npos) << error.what();
    }
  };
  expect_not_found("/nowhere/model.gguf");
  const auto empty = std::filesystem::path(::testing::TempDir()) / "r1_empty_folder";
  std::filesystem::create_directories(empty);
  expect_not_found(empty);
  std::ofstream(empty / "config.json") << "{}";
  expect_not_found(empty);
  std::filesystem::remove_all(empty);
}

}  // namespace
}  // namespace r1
