// Metadata of GGUF files, old and new, as the hub's config.json.
#include "formats/gguf_config.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <sstream>

#include "base/log.h"
#include "folder_test.h"
#include "formats/gguf_writer.h"
#include "formats/weight_source.h"

namespace r1 {
namespace {

// Metadata of a deepseek2 file, to be varied.
GgufPairs deepseek_pairs() {
  return {{"general.architecture", std::string("deepseek2")},
          {"deepseek2.embedding_length", uint32_t{64}},
          {"deepseek2.feed_forward_length", uint32_t{64}},
          {"deepseek2.block_count", uint32_t{3}},
          {"deepseek2.vocab_size", uint32_t{10}},
          {"deepseek2.attention.head_count", uint32_t{4}},
          {"deepseek2.attention.head_count_kv", uint32_t{4}},
          {"deepseek2.attention.key_length", uint32_t{24}},
          {"deepseek2.attention.value_length", uint32_t{16}},
          {"deepseek2.attention.kv_lora_rank", uint32_t{32}},
          {"deepseek2.attention.layer_norm_rms_epsilon", 1e-5f},
          {"deepseek2.rope.dimension_count", uint32_t{8}},
          {"deepseek2.expert_count", uint32_t{256}},
          {"deepseek2.expert_used_count", uint32_t{8}},
          {"deepseek2.expert_feed_forward_length", uint32_t{8}}};
}

class GgufConfig : public FolderTest {
 protected:
  Json config_of(GgufPairs pairs, const std::vector<GgufTensorPlan>& tensors = {{"t", DType::F32, {1}}}) {
    GgufWriter writer(folder_ / "c.gguf", pairs, tensors);
    for (const auto& tensor : tensors) writer.write(std::vector<std::byte>(tensor.bytes()));
    writer.commit();
    return config_from_gguf(Gguf(folder_ / "c.gguf"));
  }
  std::string config_refusal(GgufPairs pairs) {
    try {
      config_of(std::move(pairs));
    } catch (const Error& error) {
      EXPECT_EQ(error.exit(), Exit::kBadModel);
      return error.what();
    }
    return "";
  }
  static GgufPairs with(std::string_view key, GgufValue value) {
    GgufPairs pairs = deepseek_pairs();
    std::erase_if(pairs, [&](const auto& pair) { return pair.first == key; });
    pairs.emplace_back(key, std::move(value));
    return pairs;
  }
};

TEST_F(GgufConfig, OldDeepseekFiles) {
  Json config = config_of(deepseek_pairs());  // neither gate nor groups: a V2 file
  EXPECT_EQ(config["model_type"], "deepseek_v2");
  EXPECT_EQ(config["scoring_func"], "softmax");
  EXPECT_EQ(config["topk_method"], "greedy");
  EXPECT_EQ(config["n_group"], 1);
  EXPECT_EQ(config["norm_topk_prob"], false);
  EXPECT_EQ(config["routed_scaling_factor"], 1.0);
  EXPECT_EQ(config["qk_nope_head_dim"], 16);
  EXPECT_EQ(config["q_lora_rank"], nullptr);
  EXPECT_EQ(config["r1_kv_b_split"], false);
  EXPECT_EQ(config["r1_inner_norm_eps"], 1e-5);
  EXPECT_EQ(config["rope_scaling"], nullptr);

  config = config_of(with("deepseek2.expert_gating_func", uint32_t{2}));  // 256 sigmoid experts without group keys: V3
  EXPECT_EQ(config["model_type"], "deepseek_v3");
  EXPECT_EQ(config["n_group"], 8);
  EXPECT_EQ(config["topk_group"], 4);
  EXPECT_EQ(config["topk_method"], "noaux_tc");
}

// What spdlog says meanwhile.
std::string log_of(const std::function<void()>& act) {
  std::ostringstream text;
  const auto before = spdlog::default_logger();
  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text)));
  act();
  spdlog::set_default_logger(before);
  return text.str();
}

TEST_F(GgufConfig, FilesOlderThanTheGroupKeysAreWarnedOf) {
  GgufPairs v2 = with("deepseek2.expert_count", uint32_t{160});
  const std::string warning = log_of([&] { EXPECT_EQ(config_of(v2)["topk_method"], "greedy"); });
  EXPECT_NE(warning.find("has no 'deepseek2.expert_group_count'"), std::string::npos) << warning;
  v2.emplace_back("deepseek2.expert_group_count", uint32_t{8});
  v2.emplace_back("deepseek2.expert_group_used_count", uint32_t{3});
  EXPECT_EQ(log_of([&] { EXPECT_EQ(config_of(v2)["topk_method"], "group_limited_greedy"); }), "");
  EXPECT_EQ(log_of([&] { config_of(with("deepseek2.expert_count", uint32_t{64})); }), "");  // V2-Lite has no groups
}

// A stack is cut by the config's number of experts, and not by its own: each expert takes names.
TEST_F(GgufConfig, StacksHaveAsManyExpertsAsTheMetadataSays) {
  const auto opening = [&](const GgufPairs& pairs, const GgufTensorPlan& stack) -> std::string {
    config_of(pairs, {stack});
    try {
      open_source(folder_ / "c.gguf");
    } catch (const Error& error) {
      EXPECT_EQ(error.exit(), Exit::kBadModel);
      return error.what();
    }
    return "";
  };
  const GgufPairs dense = {{"general.architecture", std::string("qwen3")},
                           {"qwen3.embedding_length", uint32_t{64}},
                           {"qwen3.feed_forward_length", uint32_t{64}},
                           {"qwen3.block_count", uint32_t{1}},
                           {"qwen3.vocab_size", uint32_t{10}},
                           {"qwen3.attention.head_count", uint32_t{4}},
                           {"qwen3.attention.layer_norm_rms_epsilon", 1e-5f}};
  EXPECT_NE(opening(dense, {"blk.0.ffn_up_exps.weight", DType::F32, {100, 1, 1}}).find("100 experts, where"),
            std::string::npos);
  const GgufTensorPlan fused = {"blk.0.ffn_gate_up_exps.weight", DType::F32, {255, 2, 1}};
  EXPECT_NE(opening(deepseek_pairs(), fused).find("255 experts, where the metadata says 256"), std::string::npos);
  EXPECT_EQ(opening(deepseek_pairs(), {"blk.0.ffn_up_exps.weight", DType::F32, {256, 1, 1}}), "");
  EXPECT_NE(config_refusal(with("deepseek2.expert_count", uint32_t{8'000'000})).find("expected at most"),
            std::string::npos);
}

TEST_F(GgufConfig, MtpBlocksAreCounted) {
  GgufPairs pairs = with("deepseek2.nextn_predict_layers", uint32_t{1});
  const Json stored = config_of(pairs, {{"blk.2.nextn.eh_proj.weight", DType::F32, {1}}});
  EXPECT_EQ(stored["num_hidden_layers"], 2);
  EXPECT_EQ(stored["num_nextn_predict_layers"], 1);
  const Json dropped = config_of(pairs);
  EXPECT_EQ(dropped["num_hidden_layers"], 2);
  EXPECT_EQ(dropped["num_nextn_predict_layers"], 0);
  const Json named_only = config_of(pairs, {{"blk.2.attn_norm.weight", DType::F32, {1}}});
  EXPECT_EQ(named_only["num_hidden_layers"], 3);
  EXPECT_EQ(named_only["num_nextn_predict_layers"], 0);
}

TEST_F(GgufConfig, EveryStopTokenIsKept) {
  GgufPairs pairs = with("tokenizer.ggml.eos_token_id", uint32_t{3});
  EXPECT_EQ(config_of(pairs)["eos_token_id"], 3);
  pairs.emplace_back("tokenizer.ggml.eom_token_id", uint32_t{5});
  EXPECT_EQ(config_of(pairs)["eos_token_id"], Json({3, 5}));
  EXPECT_EQ(generation_config_from_gguf(Gguf(folder_ / "c.gguf").metadata())["eos_token_id"], Json({3, 5}));
  pairs.emplace_back("tokenizer.ggml.eot_token_id", uint32_t{3});
  pairs.emplace_back("tokenizer.ggml.bos_token_id", int32_t{-1});  // none
  const Json config = config_of(pairs);
  EXPECT_EQ(config["eos_token_id"], Json({3, 5}));
  EXPECT_FALSE(config.contains("bos_token_id"));
}

TEST_F(GgufConfig, YarnFactors) {
  GgufPairs pairs = deepseek_pairs();
  pairs.emplace_back("deepseek2.rope.scaling.type", std::string("yarn"));
  pairs.emplace_back("deepseek2.rope.scaling.factor", 40.0f);
  pairs.emplace_back("deepseek2.rope.scaling.original_context_length", uint32_t{4096});
  const Json without = config_of(pairs)["rope_scaling"];  // no multiplier: both factors are 1
  EXPECT_EQ(without["attention_factor"], 1.0);
  EXPECT_EQ(without["mscale_all_dim"], 0.0);
  pairs.emplace_back("deepseek2.rope.scaling.yarn_log_multiplier", 0.0707f);
  const Json lite = config_of(pairs)["rope_scaling"];
  EXPECT_EQ(lite["mscale"], 0.707);
  EXPECT_EQ(lite["mscale_all_dim"], 0.707);
  EXPECT_FALSE(lite.contains("attention_factor"));
}

TEST_F(GgufConfig, Refusals) {
  const auto expect = [&](GgufPairs pairs, std::string_view because) {
    const std::string sentence = config_refusal(std::move(pairs));
    EXPECT_NE(sentence.find(because), std::string::npos) << "'" << sentence << "', expected '" << because << "'";
  };
  expect(with("deepseek2.expert_gating_func", uint32_t{3}), "found 3, supported are 1 (softmax) and 2 (sigmoid)");
  expect(with("deepseek2.attention.head_count", uint32_t{0}), "'deepseek2.attention.head_count': found 0");
  expect(with("deepseek2.attention.head_count", std::vector<int32_t>{4, 2, 4}), "differs from layer to layer");
  expect(with("deepseek2.block_count", std::string("many")), "'deepseek2.block_count' is string, expected an integer");
  expect(with("deepseek2.rope.dimension_count", uint32_t{24}), "expected more than the 24 rotated dimensions");
  expect(with("deepseek2.rope.scaling.type", std::string("longrope")), "'longrope' is not supported");
  expect(with("deepseek2.nextn_predict_layers", uint32_t{3}), "found 3 of 3 blocks");
  GgufPairs pairs = deepseek_pairs();
  std::erase_if(pairs, [](const auto& pair) { return pair.first == "deepseek2.embedding_length"; });
  expect(pairs, "'deepseek2.embedding_length' is missing");
  pairs = deepseek_pairs();
  std::erase_if(pairs, [](const auto& pair) { return pair.first == "general.architecture"; });
  expect(pairs, "'general.architecture' is missing");
}

}  // namespace
}  // namespace r1
