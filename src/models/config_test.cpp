#include "models/config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/json.h"

namespace r1 {
namespace {

Json deepseek_r1() {
  return Json::parse(R"({
    "architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3", "vocab_size": 129280, "hidden_size": 7168,
    "intermediate_size": 18432, "moe_intermediate_size": 2048, "num_hidden_layers": 61, "num_attention_heads": 128,
    "num_key_value_heads": 128, "n_routed_experts": 256, "n_shared_experts": 1, "num_experts_per_tok": 8, "n_group": 8,
    "topk_group": 4, "first_k_dense_replace": 3, "moe_layer_freq": 1, "scoring_func": "sigmoid",
    "topk_method": "noaux_tc", "norm_topk_prob": true, "routed_scaling_factor": 2.5, "q_lora_rank": 1536,
    "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
    "num_nextn_predict_layers": 1, "rms_norm_eps": 1e-6, "rope_theta": 10000, "max_position_embeddings": 163840,
    "tie_word_embeddings": false, "hidden_act": "silu", "attention_bias": false,
    "rope_scaling": {"type": "yarn", "factor": 40, "original_max_position_embeddings": 4096, "beta_fast": 32,
                     "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 1.0},
    "quantization_config": {"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [128, 128],
                            "activation_scheme": "dynamic"}})");
}

Json deepseek_v2_lite() {
  return Json::parse(R"({
    "model_type": "deepseek_v2", "vocab_size": 102400, "hidden_size": 2048, "intermediate_size": 10944,
    "moe_intermediate_size": 1408, "num_hidden_layers": 27, "num_attention_heads": 16, "num_key_value_heads": 16,
    "n_routed_experts": 64, "n_shared_experts": 2, "num_experts_per_tok": 6, "n_group": 1, "topk_group": 1,
    "first_k_dense_replace": 1, "scoring_func": "softmax", "topk_method": "greedy", "norm_topk_prob": false,
    "routed_scaling_factor": 1.0, "q_lora_rank": null, "kv_lora_rank": 512, "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64, "v_head_dim": 128, "rms_norm_eps": 1e-6, "rope_theta": 10000,
    "max_position_embeddings": 163840,
    "rope_scaling": {"type": "yarn", "factor": 40, "original_max_position_embeddings": 4096, "beta_fast": 32,
                     "beta_slow": 1, "mscale": 0.707, "mscale_all_dim": 0.707}})");
}

Json moonlight() {
  Json json = deepseek_v2_lite();
  json.update(Json::parse(R"({
    "model_type": "deepseek_v3", "vocab_size": 163840, "intermediate_size": 11264, "scoring_func": "sigmoid",
    "topk_method": "noaux_tc", "norm_topk_prob": true, "routed_scaling_factor": 2.446, "rope_theta": 50000,
    "rms_norm_eps": 1e-5, "max_position_embeddings": 8192, "rope_scaling": null})"));
  return json;
}

Json dense(const std::string& type, int64_t hidden, int64_t ffn, int64_t layers, int heads, int kv_heads,
           int64_t vocabulary) {
  return {{"model_type", type},
          {"hidden_size", hidden},
          {"intermediate_size", ffn},
          {"num_hidden_layers", layers},
          {"num_attention_heads", heads},
          {"num_key_value_heads", kv_heads},
          {"vocab_size", vocabulary},
          {"rms_norm_eps", 1e-6},
          {"rope_theta", 10000},
          {"tie_word_embeddings", false},
          {"max_position_embeddings", 131072}};
}

ModelConfig read(const Json& json) { return read_model_config(json, "config.json"); }

int64_t parameters(const Json& json) { return read(json).parameters(); }

// What an Error says about `json`; "" where it is accepted.
std::string refusal(const Json& json) {
  try {
    read(json);
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit(), Exit::kBadModel);
    return error.what();
  }
}

std::string refusal(Json json, const std::string& field, const Json& value) {
  json[field] = value;
  return refusal(json);
}

TEST(ModelConfig, ParameterCountsOfPublishedModels) {
  EXPECT_EQ(parameters(deepseek_r1()), 671'026'419'200);
  EXPECT_EQ(parameters(deepseek_v2_lite()), 15'706'484'224);
  EXPECT_EQ(parameters(moonlight()), 15'960'110'208);
  EXPECT_EQ(parameters(dense("qwen2", 1536, 8960, 28, 12, 2, 151936)), 1'777'088'000);
  EXPECT_EQ(parameters(dense("qwen2", 3584, 18944, 28, 28, 4, 152064)), 7'615'616'512);
  EXPECT_EQ(parameters(dense("qwen2", 5120, 13824, 48, 40, 8, 152064)), 14'770'033'664);
  EXPECT_EQ(parameters(dense("qwen2", 5120, 27648, 64, 40, 8, 152064)), 32'763'876'352);
  EXPECT_EQ(parameters(dense("llama", 4096, 14336, 32, 32, 8, 128256)), 8'030'261'248);
  EXPECT_EQ(parameters(dense("llama", 8192, 28672, 80, 64, 8, 128256)), 70'553'706'496);
  Json qwen3 = dense("qwen3", 4096, 12288, 36, 32, 8, 151936);
  qwen3["head_dim"] = 128;
  EXPECT_EQ(parameters(qwen3), 8'190'735'360);
}

TEST(ModelConfig, SmolLm2CountsItsTiedTableOnce) {
  Json smol = dense("llama", 576, 1536, 30, 9, 3, 49152);
  smol["tie_word_embeddings"] = true;
  EXPECT_EQ(parameters(smol), 134'515'008);
  EXPECT_EQ(read(smol).active_parameters(), 134'515'008);
}

// The published sums, 37.55 B and 2.66 B, count the whole embedding; here it is the one row that a token reads.
TEST(ModelConfig, ActiveParameters) {
  const auto with_embedding = [](const ModelConfig& c) {
    return static_cast<double>(c.active_parameters() + (c.vocabulary - 1) * c.hidden);
  };
  EXPECT_NEAR(with_embedding(read(deepseek_r1())), 37.55e9, 0.005e9);
  EXPECT_NEAR(with_embedding(read(deepseek_v2_lite())), 2.66e9, 0.01e9);
}

TEST(ModelConfig, DeepSeekR1) {
  const ModelConfig c = read(deepseek_r1());
  EXPECT_EQ(c.architecture, Architecture::DeepseekV3);
  EXPECT_TRUE(c.is_mla());
  EXPECT_EQ(c.mla.q_lora, 1536);
  EXPECT_EQ(c.head_dim, 192);
  EXPECT_EQ(c.rope.width, 64);
  EXPECT_EQ(c.rope.pairing, RopePairing::Interleaved);
  EXPECT_DOUBLE_EQ(c.rope.cos_sin_factor, 1);
  EXPECT_NEAR(c.attention_scale, 0.13523378, 1e-8);
  EXPECT_EQ(c.router.scores, RouterRule::Scores::Sigmoid);
  EXPECT_EQ(c.router.groups, RouterRule::Groups::TwoBest);
  EXPECT_EQ(c.router.group_count, 8);
  EXPECT_EQ(c.router.groups_kept, 4);
  EXPECT_TRUE(c.router.normalise);
  EXPECT_TRUE(c.router_bias);
  EXPECT_FLOAT_EQ(c.router.factor, 2.5f);
  EXPECT_EQ(c.mtp_layers, 1);
  EXPECT_FALSE(c.moe_layer[2]);
  EXPECT_TRUE(c.moe_layer[3]);
}

TEST(ModelConfig, SoftmaxScales) {
  EXPECT_NEAR(read(deepseek_v2_lite()).attention_scale, 0.11472139, 1e-8);
  EXPECT_NEAR(read(moonlight()).attention_scale, 0.07216878, 1e-8);
  Json stated = deepseek_r1();  // as a GGUF file states it
  stated["rope_scaling"] = {{"type", "yarn"}, {"factor", 40}, {"original_max_position_embeddings", 4096}};
  stated["r1_mscale_softmax"] = 1.36888795;
  EXPECT_NEAR(read(stated).attention_scale, 0.13523378, 1e-8);
}

TEST(ModelConfig, CosSinFactors) {
  Json json = dense("qwen3", 4096, 12288, 36, 32, 8, 151936);
  Json yarn = {{"rope_type", "yarn"}, {"factor", 4}, {"original_max_position_embeddings", 32768}};
  json["rope_scaling"] = yarn;
  EXPECT_NEAR(read(json).rope.cos_sin_factor, 1.138629436, 1e-9);
  json["rope_scaling"]["attn_factor"] = 0.8782488562869419;  // R1-0528-Qwen3-8B: the product is 1
  EXPECT_NEAR(read(json).rope.cos_sin_factor, 1, 1e-12);
  json["rope_scaling"]["attention_factor"] = 1.25;  // outranks everything
  EXPECT_DOUBLE_EQ(read(json).rope.cos_sin_factor, 1.25);
  json["rope_scaling"] = yarn;
  json["rope_scaling"].update({{"mscale", 1.0}, {"mscale_all_dim", 0.707}});
  EXPECT_NEAR(read(json).rope.cos_sin_factor, (0.1 * std::log(4) + 1) / (0.0707 * std::log(4) + 1), 1e-12);
}

TEST(ModelConfig, RopePairing) {
  const Json v3 = deepseek_r1(), v2 = deepseek_v2_lite(), llama = dense("llama", 64, 64, 2, 4, 2, 100);
  const auto pairing = [](Json json, const char* field = nullptr, const Json& value = {}) {
    if (field != nullptr) json[field] = value;
    return read(json).rope.pairing;
  };
  EXPECT_EQ(pairing(v3), RopePairing::Interleaved);
  EXPECT_EQ(pairing(v3, "rope_interleave", true), RopePairing::Interleaved);
  EXPECT_EQ(pairing(v3, "rope_interleave", false), RopePairing::Half);
  EXPECT_EQ(pairing(v3, "r1_rope_pairing", "half"), RopePairing::Half);
  EXPECT_EQ(pairing(v2, "rope_interleave", true), RopePairing::Interleaved);
  EXPECT_EQ(pairing(llama), RopePairing::Half);
  EXPECT_EQ(pairing(llama, "rope_interleave", false), RopePairing::Half);
  EXPECT_EQ(refusal(v2, "rope_interleave", false),
            "config.json: rope_interleave is false, expected true, as model_type is deepseek_v2");
  EXPECT_EQ(refusal(llama, "rope_interleave", true),
            "config.json: rope_interleave is true, expected false, as model_type is llama");
}

TEST(ModelConfig, NewRopeLayoutIsReadFirst) {
  Json json = dense("llama", 64, 64, 2, 4, 2, 100);
  json["rope_parameters"] = {{"rope_type", "linear"}, {"factor", 2.0}, {"rope_theta", 5e5}};
  json["rope_scaling"] = {{"type", "yarn"}, {"factor", 8}};
  const ModelConfig c = read(json);
  EXPECT_EQ(c.rope.scaling, RopeConfig::Scaling::Linear);
  EXPECT_EQ(c.rope.theta, 5e5);
  json["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 1e6}};
  EXPECT_EQ(read(json).rope.scaling, RopeConfig::Scaling::None);
}

TEST(ModelConfig, HeadDimOfMlaIsIgnored) {
  Json json = deepseek_v2_lite();
  json["head_dim"] = 64;
  EXPECT_EQ(read(json).head_dim, 192);
}

TEST(ModelConfig, Qwen3MoeLayers) {
  Json json = dense("qwen3_moe", 64, 64, 6, 4, 2, 100);
  json.update({{"num_local_experts", 8}, {"num_experts_per_tok", 2}, {"moe_intermediate_size", 32}});
  json.update({{"decoder_sparse_step", 2}, {"mlp_only_layers", {3, 77, -1}}});
  const ModelConfig c = read(json);
  EXPECT_EQ(c.moe_layer, (std::vector<bool>{false, true, false, false, false, true}));
  EXPECT_EQ(c.router.experts, 8);
  EXPECT_FALSE(c.router.normalise);
  EXPECT_TRUE(c.qk_norm);
}

TEST(ModelConfig, Biases) {
  EXPECT_TRUE(read(dense("qwen2", 64, 64, 2, 4, 2, 100)).qkv_bias);
  EXPECT_FALSE(read(dense("qwen2", 64, 64, 2, 4, 2, 100)).o_bias);
  EXPECT_FALSE(read(dense("llama", 64, 64, 2, 4, 2, 100)).qkv_bias);
  Json biased = dense("llama", 64, 64, 2, 4, 2, 100);
  biased["attention_bias"] = true;
  EXPECT_TRUE(read(biased).qkv_bias);
  EXPECT_TRUE(read(biased).o_bias);
}

TEST(ModelConfig, TypeFromTheClassName) {
  Json json = dense("llama", 64, 64, 2, 4, 2, 100);
  json.erase("model_type");
  EXPECT_EQ(refusal(json), "config.json: model_type is missing");
  json["architectures"] = {"Qwen2ForCausalLM"};
  EXPECT_EQ(read(json).architecture, Architecture::Qwen2);
  EXPECT_NE(refusal(json, "architectures", {"GPT2LMHeadModel"}), "");
}

// model.md 8.8: each refusal names file, field, what was found and what was expected.
TEST(ModelConfig, Refusals) {
  const Json llama = dense("llama", 64, 64, 2, 4, 2, 100);
  EXPECT_EQ(refusal(llama), "");
  EXPECT_EQ(
      refusal(llama, "model_type", "mamba"),
      "config.json: model_type is \"mamba\", expected llama, qwen2, qwen3, qwen3_moe, deepseek_v2 or deepseek_v3");
  EXPECT_EQ(refusal(llama, "hidden_act", "gelu"), "config.json: hidden_act is \"gelu\", expected silu");
  EXPECT_EQ(refusal(llama, "num_key_value_heads", 3),
            "config.json: num_key_value_heads is 3, expected a divisor of num_attention_heads, 4");
  EXPECT_EQ(refusal(llama, "use_sliding_window", true), "config.json: use_sliding_window is true, expected false");
  EXPECT_EQ(refusal(llama, "rope_scaling", {{"rope_type", "dynamic"}, {"factor", 2}}),
            "config.json: rope_scaling: rope_type is \"dynamic\", expected default, linear, llama3 or yarn");
  EXPECT_EQ(refusal(llama, "rope_scaling", {{"rope_type", "linear"}}), "config.json: rope_scaling: factor is missing");
  EXPECT_EQ(refusal(llama, "rope_scaling", "yarn"), "config.json: rope_scaling is \"yarn\", expected an object");
  EXPECT_EQ(refusal(llama, "vocab_size", nullptr), "config.json: vocab_size is missing");
  EXPECT_EQ(refusal(llama, "hidden_size", -64),
            "config.json: hidden_size is -64, expected an integer from 1 to 262144");
  EXPECT_EQ(refusal(llama, "mlp_bias", true), "config.json: mlp_bias is true, expected false");
  EXPECT_EQ(refusal(llama, "quantization_config", {{"quant_method", "gptq"}}),
            "config.json: quantization_config: quant_method is \"gptq\", expected fp8");
  EXPECT_NE(refusal(llama, "layer_types", {"full_attention", "sliding_attention"}), "");
  EXPECT_EQ(refusal(Json::array()), "config.json is [], expected an object");

  const Json v3 = deepseek_r1();
  EXPECT_EQ(refusal(v3, "scoring_func", "tanh"), "config.json: scoring_func is \"tanh\", expected sigmoid or softmax");
  EXPECT_EQ(refusal(v3, "topk_method", "greedy"),
            "config.json: topk_method is \"greedy\", expected noaux_tc, as scoring_func is sigmoid");
  EXPECT_EQ(refusal(v3, "n_group", 7), "config.json: n_group is 7, expected a divisor of the 256 experts");
  EXPECT_EQ(refusal(v3, "num_experts_per_tok", 129),
            "config.json: num_experts_per_tok is 129, expected at most 128, the experts of the groups kept");
  EXPECT_EQ(refusal(v3, "topk_group", 9), "config.json: topk_group is 9, expected an integer from 1 to 8");
  EXPECT_EQ(refusal(v3, "attention_bias", true), "config.json: attention_bias is true, expected false");
  EXPECT_EQ(refusal(v3, "qk_rope_head_dim", 63), "config.json: qk_rope_head_dim is 63, expected an even number");
  EXPECT_EQ(refusal(deepseek_v2_lite(), "norm_topk_prob", true),
            "config.json: norm_topk_prob is true, expected false, as scoring_func is softmax");
}

// Whatever stands in a field: a config or a sentence, never a crash, and never more memory than a few numbers a layer.
TEST(ModelConfig, HostileValues) {
  const Json hostile[] = {0,
                          -1,
                          int64_t{1} << 60,
                          std::numeric_limits<int64_t>::min(),
                          std::numeric_limits<uint64_t>::max(),
                          1e308,
                          -1e308,
                          std::numeric_limits<double>::quiet_NaN(),
                          std::numeric_limits<double>::infinity(),
                          0.5,
                          true,
                          "\xff\xfe text",
                          std::string(100000, 'x'),
                          Json::array({1, "a", nullptr}),
                          Json::object({{"rope_type", "yarn"}, {"factor", 1e6}}),
                          nullptr};
  Json qwen3_moe = dense("qwen3_moe", 64, 64, 6, 4, 2, 100);
  qwen3_moe.update({{"num_experts", 8}, {"num_experts_per_tok", 2}, {"moe_intermediate_size", 32}});
  Json llama3 = dense("llama", 64, 64, 2, 4, 2, 100);
  llama3["rope_scaling"] = {{"rope_type", "llama3"},
                            {"factor", 8},
                            {"low_freq_factor", 1},
                            {"high_freq_factor", 4},
                            {"original_max_position_embeddings", 8192}};
  int refused = 0;
  for (const Json& base : {deepseek_r1(), deepseek_v2_lite(), qwen3_moe, llama3}) {
    for (const auto& [field, old] : base.items()) {
      for (const Json& value : hostile) {
        const std::string sentence = refusal(base, field, value);
        EXPECT_LT(sentence.size(), 300u) << sentence;
        refused += sentence.empty() ? 0 : 1;
      }
      if (!old.is_object()) continue;
      for (const auto& [inner, unused] : old.items()) {
        for (const Json& value : hostile) {
          Json json = base;
          json[field][inner] = value;
          refused += refusal(json).empty() ? 0 : 1;
        }
      }
    }
  }
  EXPECT_GT(refused, 500);
}

// The largest config that is accepted still counts its parameters in 64 bits.
TEST(ModelConfig, LargestCountsFit) {
  Json json = deepseek_r1();
  json.update({{"vocab_size", 1 << 24},
               {"hidden_size", 1 << 18},
               {"num_hidden_layers", 1 << 10},
               {"intermediate_size", 1 << 22},
               {"moe_intermediate_size", 1 << 18},
               {"n_routed_experts", 1 << 12},
               {"num_attention_heads", 1 << 12},
               {"q_lora_rank", 1 << 18},
               {"kv_lora_rank", 1 << 18},
               {"qk_nope_head_dim", 1 << 12},
               {"qk_rope_head_dim", 1 << 12},
               {"v_head_dim", 1 << 12}});
  EXPECT_EQ(refusal(json), "");
  EXPECT_GT(read(json).parameters(), int64_t{1} << 50);
}

}  // namespace
}  // namespace r1
