// Every fixture goes to GGUF and back without losing a bit; quantised files equal those of the usual quantiser.
#include "formats/convert.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "folder_test.h"
#include "formats/gguf.h"
#include "formats/quant_mixture.h"
#include "formats/rope_divisors.h"
#include "formats/safetensors.h"
#include "formats/weight_rows.h"
#include "test_data.h"

namespace r1 {
namespace {

std::vector<float> decoded(const WeightSource& source, const std::string& name) {
  const WeightRows rows(source, name);
  std::vector<float> values(static_cast<size_t>(rows.rows() * rows.cols()));
  for (int64_t row = 0; row < rows.rows(); ++row) rows.read(row, values.data() + row * rows.cols());
  return values;
}

class Convert : public FolderTest {
 protected:
  // Source -> GGUF -> hub folder, opened.
  std::unique_ptr<WeightSource> there_and_back(const WeightSource& source, const std::string& name) {
    ConvertOptions options;
    options.dtype = DType::F32;
    convert_weights(source, folder_ / (name + ".gguf"), options);
    convert_weights(*open_source(folder_ / (name + ".gguf")), folder_ / name, options);
    return open_source(folder_ / name);
  }
};

// Whether the two mean the same rope scaling: cos/sin factor, softmax factor, and what the kind says.
struct RopeMeaning {
  std::string type = "default";
  double theta = 10000, factor = 1, original = 0, cos_sin = 1, softmax = 1, low = 0, high = 0;
};

RopeMeaning meaning_of(const Json& config) {
  RopeMeaning meaning;
  Json scaling = config.contains("rope_parameters") ? config["rope_parameters"] : config.value("rope_scaling", Json());
  meaning.theta =
      config.contains("rope_parameters") ? scaling["rope_theta"].get<double>() : config["rope_theta"].get<double>();
  if (scaling.is_null()) return meaning;
  meaning.type = scaling.contains("rope_type") ? scaling["rope_type"] : scaling["type"];
  meaning.factor = scaling.value("factor", 1.0);
  meaning.original = scaling.value("original_max_position_embeddings", 0.0);
  meaning.low = scaling.value("low_freq_factor", 0.0);
  meaning.high = scaling.value("high_freq_factor", 0.0);
  if (meaning.type != "yarn") return meaning;
  const auto get = [&](double mscale) { return 0.1 * mscale * std::log(meaning.factor) + 1; };
  if (scaling.contains("attention_factor")) {
    meaning.cos_sin = scaling["attention_factor"];
  } else if (scaling.contains("mscale") && scaling.contains("mscale_all_dim")) {
    meaning.cos_sin = get(scaling["mscale"]) / get(scaling["mscale_all_dim"]);
  } else {
    meaning.cos_sin = get(1) * scaling.value("attn_factor", 1.0);
  }
  if (config.contains("kv_lora_rank")) meaning.softmax = get(scaling.value("mscale_all_dim", 0.0));
  return meaning;
}

void expect_same_meaning(const Json& before, const Json& after) {
  for (const char* key : {"model_type",
                          "vocab_size",
                          "hidden_size",
                          "intermediate_size",
                          "num_hidden_layers",
                          "num_attention_heads",
                          "num_key_value_heads",
                          "max_position_embeddings",
                          "tie_word_embeddings",
                          "rms_norm_eps",
                          "q_lora_rank",
                          "kv_lora_rank",
                          "qk_nope_head_dim",
                          "qk_rope_head_dim",
                          "v_head_dim",
                          "n_routed_experts",
                          "num_experts_per_tok",
                          "n_shared_experts",
                          "moe_intermediate_size",
                          "n_group",
                          "topk_group",
                          "topk_method",
                          "scoring_func",
                          "norm_topk_prob",
                          "routed_scaling_factor",
                          "first_k_dense_replace",
                          "architectures",
                          "bos_token_id",
                          "eos_token_id"}) {
    if (before.contains(key)) {
      EXPECT_EQ(after.value(key, Json()), before[key]) << key;
    }
  }
  const RopeMeaning a = meaning_of(before), b = meaning_of(after);
  EXPECT_EQ(a.type, b.type);
  EXPECT_EQ(a.theta, b.theta);
  EXPECT_EQ(a.factor, b.factor);
  EXPECT_EQ(a.original, b.original);
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
  EXPECT_NEAR(a.cos_sin, b.cos_sin, 1e-7);
  EXPECT_NEAR(a.softmax, b.softmax, 1e-7);
}

TEST_F(Convert, EveryFixtureComesBack) {
  int folders = 0;
  for (const auto& [name, path] : data_entries("fixtures")) {
    if (!std::filesystem::exists(path / "config.json")) continue;
    SCOPED_TRACE(path.string());
    ++folders;
    const auto source = open_source(path);
    if (source->config().value("norm_topk_prob", true) == false && source->config()["model_type"] == "qwen3_moe") {
      EXPECT_THROW(there_and_back(*source, name), Error);
      continue;
    }
    const auto back = there_and_back(*source, name);
    expect_same_meaning(source->config(), back->config());
    std::vector<std::string> expected;
    for (const std::string& tensor : source->names()) {
      if (!tensor.ends_with("_scale_inv")) expected.push_back(tensor);
    }
    EXPECT_EQ(back->names(), expected);
    for (const std::string& tensor : back->names()) {
      ASSERT_EQ(back->find(tensor)->values.shape_text(), source->find(tensor)->values.shape_text()) << tensor;
      ASSERT_EQ(decoded(*back, tensor), decoded(*source, tensor)) << tensor;
    }
  }
  if (folders == 0) GTEST_SKIP() << "needs fixtures";
}

// GGUF files of a second engine, too: numbers survive, in whatever layout the file was.
TEST_F(Convert, TinyGgufsComeBack) {
  int files = 0;
  for (const auto& [name, path] : data_entries("models/tiny-llama-gguf/arch")) {
    SCOPED_TRACE(path.string());
    ++files;
    ConvertOptions options;
    options.dtype = DType::F32;
    const auto source = open_source(path);
    if (name == "llama3-rope-freqs.gguf") {  // its divisors were made by hand: no formula of the hub's gives them
      EXPECT_THROW(convert_weights(*source, folder_ / "hub", options), Error);
      continue;
    }
    convert_weights(*source, folder_ / "hub", options);
    const auto hub = open_source(folder_ / "hub");
    const auto back = there_and_back(*hub, "back");
    ASSERT_EQ(back->names(), hub->names());
    for (const std::string& tensor : hub->names()) ASSERT_EQ(decoded(*back, tensor), decoded(*hub, tensor)) << tensor;
    expect_same_meaning(hub->config(), back->config());
    for (const char* tensor : {"model.embed_tokens.weight", "model.norm.weight", "model.layers.1.mlp.gate.weight"}) {
      if (source->find(tensor)) {
        EXPECT_EQ(decoded(*hub, tensor), decoded(*source, tensor)) << tensor;
      }
    }
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  if (files == 0) GTEST_SKIP() << "needs models/tiny-llama-gguf";
}

// Row 2i + s of a GGUF llama head is the hub's row s·(hd/2) + i; formats.md 4.2 gives the order for heads of 8.
TEST_F(Convert, LlamaRowsInterleave) {
  R1_DATA_OR_SKIP(path, "fixtures/llama");
  const auto source = open_source(path);
  ConvertOptions options;
  options.dtype = DType::F32;
  convert_weights(*source, folder_ / "llama.gguf", options);
  const Gguf gguf(folder_ / "llama.gguf");
  const auto before = decoded(*source, "model.layers.0.self_attn.k_proj.weight");
  const Tensor after = gguf.find("blk.0.attn_k.weight")->values();
  const auto value = gguf.find("blk.0.attn_v.weight")->values();
  const int64_t head = 12, cols = after.cols();
  ASSERT_EQ(after.rows() % head, 0);
  for (int64_t row = 0; row < after.rows(); ++row) {
    const int64_t i = row % head / 2, s = row % 2, old = row / head * head + s * head / 2 + i;
    ASSERT_EQ(0, std::memcmp(after.row(row), before.data() + old * cols, static_cast<size_t>(cols) * 4)) << row;
  }
  EXPECT_EQ(0, std::memcmp(value.data(), decoded(*source, "model.layers.0.self_attn.v_proj.weight").data(),
                           static_cast<size_t>(value.bytes())));
}

// k_b: [heads, lora, nope], transposed within a head; v_b: [heads, value, lora].
TEST_F(Convert, KvBSplits) {
  R1_DATA_OR_SKIP(path, "fixtures/deepseek_v3");
  const auto source = open_source(path);
  const Json& config = source->config();
  const int64_t heads = config["num_attention_heads"], nope = config["qk_nope_head_dim"], value = config["v_head_dim"],
                lora = config["kv_lora_rank"];
  ConvertOptions options;
  options.dtype = DType::F32;
  convert_weights(*source, folder_ / "v3.gguf", options);
  const Gguf gguf(folder_ / "v3.gguf");
  EXPECT_EQ(gguf.find("blk.0.attn_kv_b.weight"), nullptr);
  const auto kv_b = decoded(*source, "model.layers.0.self_attn.kv_b_proj.weight");
  const Tensor k_b = gguf.find("blk.0.attn_k_b.weight")->values(), v_b = gguf.find("blk.0.attn_v_b.weight")->values();
  ASSERT_EQ(k_b.shape_text(), fmt::format("[{}, {}, {}]", heads, lora, nope));
  ASSERT_EQ(v_b.shape_text(), fmt::format("[{}, {}, {}]", heads, value, lora));
  for (int64_t h = 0; h < heads; ++h) {
    for (int64_t c = 0; c < lora; ++c) {
      for (int64_t i = 0; i < nope; ++i)
        ASSERT_EQ(k_b.f32(h * lora + c)[i], kv_b[static_cast<size_t>((h * (nope + value) + i) * lora + c)]);
      for (int64_t i = 0; i < value; ++i) {
        ASSERT_EQ(v_b.f32(h * value + i)[c], kv_b[static_cast<size_t>((h * (nope + value) + nope + i) * lora + c)]);
      }
    }
  }
}

// The quantiser of the GGUF world made these files from the same F32 file.
TEST_F(Convert, QuantisedFilesEqualTheUsualOnes) {
  R1_DATA_OR_SKIP(base, "models/tiny-llama-gguf/quant/llama-f32.gguf");
  const auto source = open_source(base);
  ThreadPool pool(2);
  const std::map<DType, std::string> files = {
      {DType::Q8_0, "q8_0"}, {DType::Q4_0, "q4_0"}, {DType::Q6_K, "q6_k"}, {DType::Q4_K, "q4_k_m"}};
  for (const auto& [dtype, name] : files) {
    const auto path = find_data("models/tiny-llama-gguf/quant/llama-" + name + ".gguf");
    if (!path) continue;
    SCOPED_TRACE(name);
    ConvertOptions options;
    options.dtype = dtype;
    options.pool = &pool;
    convert_weights(*source, folder_ / (name + ".gguf"), options);
    const Gguf ours(folder_ / (name + ".gguf")), theirs(*path);
    ASSERT_EQ(ours.tensors().size(), theirs.tensors().size());
    for (const GgufTensor* tensor : theirs.tensors()) {
      const GgufTensor* own = ours.find(tensor->name);
      ASSERT_NE(own, nullptr) << tensor->name;
      if (dtype == DType::Q4_0 && tensor->name == "token_embd.weight") {  // theirs was asked for without a mixture
        EXPECT_EQ(own->type, ggml_type_number(DType::Q6_K));
        continue;
      }
      EXPECT_EQ(own->type, tensor->type) << tensor->name;
      int64_t unlike = 0;
      for (size_t i = 0; i < own->bytes.size(); ++i) unlike += own->bytes[i] != tensor->bytes[i];
      EXPECT_EQ(unlike, 0) << tensor->name << " of " << own->bytes.size();
    }
  }
}

TEST_F(Convert, ShardsAreCutAndIndexed) {
  R1_DATA_OR_SKIP(path, "fixtures/qwen3_moe");
  const auto source = open_source(path);
  ConvertOptions options;
  options.dtype = DType::F32;
  options.shard_bytes = 40'000;
  options.files["tokenizer.json"] = "{}";
  uint64_t last = 0, promised = 0;
  options.progress = [&](uint64_t done, uint64_t total) {
    EXPECT_GE(done, last);
    last = done;
    promised = total;
  };
  convert_weights(*source, folder_ / "sharded", options);
  EXPECT_EQ(last, promised);
  EXPECT_GT(open_shards(folder_ / "sharded").size(), 3u);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "sharded" / "tokenizer.json"));
  const auto sharded = open_source(folder_ / "sharded");
  ASSERT_EQ(sharded->names(), source->names());
  for (const std::string& name : source->names()) ASSERT_EQ(decoded(*sharded, name), decoded(*source, name)) << name;
}

TEST_F(Convert, BothNormEpsilonsSurvive) {
  R1_DATA_OR_SKIP(path, "fixtures/deepseek_v3_moonlight");
  const auto source = open_source(path);
  ConvertOptions options;
  options.dtype = DType::BF16;
  convert_weights(*source, folder_ / "moonlight.gguf", options);
  const auto gguf = open_source(folder_ / "moonlight.gguf");
  EXPECT_EQ(gguf->config()["rms_norm_eps"], 0.01);
  EXPECT_EQ(gguf->config()["r1_inner_norm_eps"], 1e-6);
}

TEST_F(Convert, WhatTheCallerKnowsWins) {
  R1_DATA_OR_SKIP(path, "fixtures/qwen3");
  const auto source = open_source(path);
  ConvertOptions options;
  options.metadata = {{"tokenizer.ggml.eos_token_id", uint32_t{7}},
                      {"tokenizer.ggml.tokens", std::vector<std::string>{"a", "", "é"}}};
  convert_weights(*source, folder_ / "named.gguf", options);
  const Gguf gguf(folder_ / "named.gguf");
  EXPECT_EQ(gguf.metadata().integer("tokenizer.ggml.eos_token_id"), 7);
  EXPECT_EQ(gguf.metadata().integer("tokenizer.ggml.bos_token_id"), 300);
  EXPECT_EQ(gguf.metadata().strings("tokenizer.ggml.tokens"), (std::vector<std::string_view>{"a", "", "é"}));
  EXPECT_EQ(gguf.metadata().integer("general.file_type"), 32);
}

// A list of stop tokens has three keys in GGUF; what the caller says of the tokenizer counts first.
TEST_F(Convert, StopTokensComeAlong) {
  R1_DATA_OR_SKIP(path, "fixtures/qwen3");
  std::filesystem::copy_file(path / "model.safetensors", folder_ / "model.safetensors");
  Json config = open_source(path)->config();
  config["eos_token_id"] = {7, 8};
  write_file(folder_ / "config.json", config.dump());
  write_file(folder_ / "generation_config.json", R"({"eos_token_id": [8, 9]})");
  ConvertOptions options;
  convert_weights(*open_source(folder_), folder_ / "all.gguf", options);
  options.metadata = {{"tokenizer.ggml.eos_token_id", uint32_t{9}}, {"tokenizer.ggml.eom_token_id", uint32_t{4}}};
  convert_weights(*open_source(folder_), folder_ / "given.gguf", options);
  const auto ids = [&](const char* file) {
    const Gguf gguf(folder_ / file);
    std::vector<int64_t> ids;
    for (const char* key : {"eos", "eot", "eom"})
      ids.push_back(gguf.metadata().integer(fmt::format("tokenizer.ggml.{}_token_id", key)).value_or(-1));
    return ids;
  };
  EXPECT_EQ(ids("all.gguf"), (std::vector<int64_t>{7, 8, 9}));
  EXPECT_EQ(ids("given.gguf"), (std::vector<int64_t>{9, 7, 4}));
  convert_weights(*open_source(folder_ / "all.gguf"), folder_ / "hub", {});
  const auto hub = open_source(folder_ / "hub");
  EXPECT_EQ(hub->config()["eos_token_id"], Json({7, 8, 9}));
  EXPECT_EQ(hub->generation_config()["eos_token_id"], Json({7, 8, 9}));
}

std::string refusal(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST_F(Convert, RefusesWhatTheTargetCannotSay) {
  R1_DATA_OR_SKIP(path, "fixtures/qwen3_moe_nonorm");
  const auto source = open_source(path);
  ConvertOptions options;
  const std::string moe = refusal([&] { convert_weights(*source, folder_ / "x.gguf", options); });
  EXPECT_NE(moe.find("norm_topk_prob"), std::string::npos) << moe;
  options.dtype = DType::Q5_K;
  EXPECT_NE(refusal([&] { convert_weights(*source, folder_ / "x.gguf", options); }).find("q5_k"), std::string::npos);
  EXPECT_NE(refusal([&] { convert_weights(*source, folder_ / "x", options); }).find("q5_k"), std::string::npos);
  options.dtype = DType::F32;
  std::ofstream(folder_ / "something") << "here";
  EXPECT_NE(refusal([&] { convert_weights(*source, folder_, options); }).find("exists already"), std::string::npos);
  for (const auto& entry : std::filesystem::directory_iterator(folder_))
    EXPECT_EQ(entry.path().filename(), "something");
}

// Fields of another kind, or of any size, are Errors that name them.
TEST_F(Convert, HostileConfigs) {
  R1_DATA_OR_SKIP(path, "fixtures/deepseek_v3");
  const Json config = open_source(path)->config();
  ConvertOptions options;
  options.dtype = DType::F32;
  std::filesystem::copy_file(path / "model.safetensors", folder_ / "model.safetensors");
  for (const auto& [key, value] : config.items()) {
    for (const Json& other :
         {Json(nullptr), Json("text"), Json(-1), Json(INT32_MAX), Json(INT64_MIN), Json(1e300), Json::array()}) {
      Json hostile = config;
      hostile[key] = other;
      write_file(folder_ / "config.json", hostile.dump());
      const auto source = open_source(folder_);
      for (const char* out : {"x.gguf", "x"}) {
        try {
          convert_weights(*source, folder_ / out, options);
        } catch (const Error& error) {
          EXPECT_EQ(error.exit(), Exit::kBadModel) << error.what();
        }
        std::filesystem::remove_all(folder_ / out);
      }
    }
  }
}

// A conversion that is stopped leaves nothing behind.
TEST_F(Convert, StoppedLeavesNothing) {
  R1_DATA_OR_SKIP(path, "fixtures/llama");
  const auto source = open_source(path);
  ConvertOptions options;
  options.progress = [](uint64_t, uint64_t) { throw Error("stopped"); };
  EXPECT_EQ(refusal([&] { convert_weights(*source, folder_ / "x.gguf", options); }), "stopped");
  EXPECT_EQ(refusal([&] { convert_weights(*source, folder_ / "x", options); }), "stopped");
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST(QuantMixture, FallsBackByWidth) {
  const auto type_of = [](DType wanted, const char* name, int64_t columns, int rank = 2) {
    return type_in_mixture(wanted,
                           {.name = name, .rank = rank, .columns = columns, .layer = 3, .layers = 16, .head = false});
  };
  EXPECT_EQ(type_of(DType::Q4_K, "blk.3.attn_q.weight", 512), DType::Q4_K);
  EXPECT_EQ(type_of(DType::Q4_K, "blk.3.attn_q.weight", 96), DType::Q5_0);
  EXPECT_EQ(type_of(DType::Q6_K, "blk.3.attn_q.weight", 96), DType::Q8_0);
  EXPECT_EQ(type_of(DType::Q4_K, "blk.3.attn_q.weight", 40), DType::F16);
  EXPECT_EQ(type_of(DType::Q8_0, "blk.3.attn_q.weight", 40), DType::F16);
  EXPECT_EQ(type_of(DType::Q8_0, "blk.3.attn_norm.weight", 512, 1), DType::F32);
  EXPECT_EQ(type_of(DType::BF16, "blk.3.ffn_gate_inp.weight", 512), DType::F32);
  EXPECT_EQ(type_of(DType::Q4_K, "blk.3.ffn_down_exps.weight", 512, 3), DType::Q4_K);
  // Layers of 16: 0, 1, 14 and 15, and 4, 7, 10, 13.
  std::string sensitive;
  for (int64_t layer = 0; layer < 16; ++layer) {
    const TensorRole role = {
        .name = "blk.0.attn_v.weight", .rank = 2, .columns = 256, .layer = layer, .layers = 16, .head = false};
    if (type_in_mixture(DType::Q4_K, role) == DType::Q6_K) sensitive += fmt::format("{} ", layer);
  }
  EXPECT_EQ(sensitive, "0 1 4 7 10 13 14 15 ");
}

TEST(RopeDivisors, NumbersOfTheSpecification) {
  const auto divisors = llama3_divisors({8, 1, 4, 8192}, 500000, 128);
  ASSERT_EQ(divisors.size(), 64u);
  const float expected[] = {1.207484f, 1.553415f, 2.026313f, 2.694530f, 3.684253f, 5.257327f};
  for (int i = 0; i <= 28; ++i) EXPECT_EQ(divisors[i], 1.0f);
  for (int i = 0; i < 6; ++i) EXPECT_NEAR(divisors[29 + i], expected[i], 1e-6);
  for (int i = 35; i < 64; ++i) EXPECT_EQ(divisors[i], 8.0f);
  const auto scaling = llama3_scaling_of(divisors, 500000);
  ASSERT_TRUE(scaling.has_value());
  EXPECT_EQ(scaling->factor, 8);
  EXPECT_EQ(scaling->original_context, 8192);
  EXPECT_FALSE(llama3_scaling_of(std::vector<float>{1, 2, 1, 8}, 500000).has_value());
}

}  // namespace
}  // namespace r1
