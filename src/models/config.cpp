#include "models/config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/json.h"
#include "models/fields.h"

namespace r1 {
namespace {

// Far above every model there is, and low enough that no product of them leaves 64 bits.
constexpr int64_t kMostLayers = 1 << 10, kMostHidden = 1 << 18, kMostFfn = 1 << 22, kMostExpertFfn = 1 << 18;
constexpr int64_t kMostVocabulary = 1 << 24, kMostHeads = 1 << 12, kMostHeadDim = 1 << 12, kMostExperts = 1 << 12;
constexpr int64_t kMostContext = int64_t{1} << 31;

constexpr std::array<std::pair<std::string_view, Architecture>, 6> kModelTypes = {{
    {"llama", Architecture::Llama},
    {"qwen2", Architecture::Qwen2},
    {"qwen3", Architecture::Qwen3},
    {"qwen3_moe", Architecture::Qwen3Moe},
    {"deepseek_v2", Architecture::DeepseekV2},
    {"deepseek_v3", Architecture::DeepseekV3},
}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kClassNames = {{
    {"LlamaForCausalLM", "llama"},
    {"Qwen2ForCausalLM", "qwen2"},
    {"Qwen3ForCausalLM", "qwen3"},
    {"Qwen3MoeForCausalLM", "qwen3_moe"},
    {"DeepseekV2ForCausalLM", "deepseek_v2"},
    {"DeepseekV3ForCausalLM", "deepseek_v3"},
}};

bool is_deepseek(Architecture a) { return a == Architecture::DeepseekV2 || a == Architecture::DeepseekV3; }

// model_type; where a file lacks it, the class of architectures[0].
Architecture read_architecture(const Fields& fields) {
  auto type = fields.text("model_type");
  const Json* classes = fields.find("architectures");
  if (!type && classes != nullptr && classes->is_array() && !classes->empty() && classes->front().is_string()) {
    for (const auto& [class_name, its_type] : kClassNames) {
      if (classes->front().get_ref<const std::string&>() == class_name) type = its_type;
    }
    if (!type) fields.wrong("architectures", "LlamaForCausalLM, Qwen2ForCausalLM, …: one of the supported models");
  }
  if (!type) fields.missing("model_type");
  for (const auto& [known, architecture] : kModelTypes) {
    if (*type == known) return architecture;
  }
  fields.wrong("model_type", "llama, qwen2, qwen3, qwen3_moe, deepseek_v2 or deepseek_v3");
}

// Fields that change the mathematics in ways that nothing here implements.
void refuse_unsupported(const Fields& fields, Architecture architecture) {
  if (const auto act = fields.text("hidden_act"); act && *act != "silu") fields.wrong("hidden_act", "silu");
  if (fields.boolean("use_sliding_window").value_or(false)) fields.wrong("use_sliding_window", "false");
  if (fields.boolean("mlp_bias").value_or(false)) fields.wrong("mlp_bias", "false");
  if (fields.real("partial_rotary_factor", 0, 1e9).value_or(1) != 1) fields.wrong("partial_rotary_factor", "1");
  if (is_deepseek(architecture) && fields.boolean("attention_bias").value_or(false)) {
    fields.wrong("attention_bias", "false");
  }
  if (const Json* kinds = fields.find("layer_types")) {
    const auto full = [](const Json& kind) { return kind == "full_attention"; };
    if (!kinds->is_array() || !std::all_of(kinds->begin(), kinds->end(), full)) {
      fields.wrong("layer_types", "full_attention throughout");
    }
  }
  if (const auto quantisation = fields.object("quantization_config")) {
    if (quantisation->text("quant_method") != "fp8") quantisation->wrong("quant_method", "fp8");
    const Json* block = quantisation->find("weight_block_size");
    if (block == nullptr || *block != Json::array({128, 128})) quantisation->wrong("weight_block_size", "[128, 128]");
  }
}

// ---- rope (model.md 3.3 to 3.5) ----

void read_llama3(const Fields& scaling, RopeConfig& rope) {
  rope.low_freq_factor = scaling.need_real("low_freq_factor", 1e-6, 1e9);
  rope.high_freq_factor = scaling.need_real("high_freq_factor", 1e-6, 1e9);
  rope.original_context = scaling.need_real("original_max_position_embeddings", 1, kMostContext);
  if (rope.high_freq_factor <= rope.low_freq_factor) scaling.wrong("high_freq_factor", "more than low_freq_factor");
}

double yarn_mscale(double factor, double mscale) { return factor > 1 ? 0.1 * mscale * std::log(factor) + 1 : 1; }

void read_yarn(const Fields& scaling, RopeConfig& rope) {
  rope.original_context = scaling.need_real("original_max_position_embeddings", 1, kMostContext);
  rope.beta_fast = scaling.real("beta_fast", 1e-6, 1e9).value_or(32);
  rope.beta_slow = scaling.real("beta_slow", 1e-6, 1e9).value_or(1);
  const double mscale = scaling.real("mscale", 0, 1e3).value_or(0);
  const double mscale_all_dim = scaling.real("mscale_all_dim", 0, 1e3).value_or(0);
  if (const auto factor = scaling.real("attention_factor", 1e-6, 1e6)) {
    rope.cos_sin_factor = *factor;
  } else if (mscale != 0 && mscale_all_dim != 0) {
    rope.cos_sin_factor = yarn_mscale(rope.factor, mscale) / yarn_mscale(rope.factor, mscale_all_dim);
  } else {
    // The multiplied form of attn_factor: R1-0528-Qwen3-8B has it so that the product is 1 (model.md 1.5).
    rope.cos_sin_factor = yarn_mscale(rope.factor, 1) * scaling.real("attn_factor", 1e-6, 1e6).value_or(1);
  }
}

// Fills `rope` and returns m of the MLA softmax scale, 1 for most.
double read_scaling(const Fields& scaling, RopeConfig& rope) {
  const std::string_view key = scaling.has("rope_type") ? "rope_type" : "type";
  const std::string kind = scaling.text(key).value_or("default");
  if (kind == "default" || kind == "none") return 1;
  rope.factor = scaling.need_real("factor", 1e-3, 1e6);
  if (kind == "linear") {
    rope.scaling = RopeConfig::Scaling::Linear;
  } else if (kind == "llama3") {
    rope.scaling = RopeConfig::Scaling::Llama3;
    read_llama3(scaling, rope);
  } else if (kind == "yarn") {
    rope.scaling = RopeConfig::Scaling::Yarn;
    if (rope.theta <= 1) scaling.wrong("rope_theta", "more than 1");
    read_yarn(scaling, rope);
  } else {
    scaling.wrong(key, "default, linear, llama3 or yarn");
  }
  return yarn_mscale(rope.factor, scaling.real("mscale_all_dim", 0, 1e3).value_or(0));
}

// The hub's code of deepseek_v3 reads rope_interleave; that of the others pairs one way whatever the file says, so a
// file that says otherwise was made for another program.
RopePairing read_pairing(const Fields& fields, Architecture architecture) {
  if (const auto pairing = fields.text("r1_rope_pairing")) {
    if (*pairing != "half" && *pairing != "interleaved") fields.wrong("r1_rope_pairing", "half or interleaved");
    return *pairing == "half" ? RopePairing::Half : RopePairing::Interleaved;
  }
  const bool usual = is_deepseek(architecture), stated = fields.boolean("rope_interleave").value_or(usual);
  if (stated != usual && architecture != Architecture::DeepseekV3) {
    fields.wrong("rope_interleave", fmt::format("{}, as model_type is {}", usual, name(architecture)));
  }
  return stated ? RopePairing::Interleaved : RopePairing::Half;
}

// Returns m of the MLA softmax scale.
double read_rope(const Fields& fields, ModelConfig& config) {
  RopeConfig& rope = config.rope;
  rope.width = config.is_mla() ? config.mla.rope : config.head_dim;
  rope.pairing = read_pairing(fields, config.architecture);
  // The new layout first: files that have it may carry an old key that is no longer read.
  const auto parameters = fields.object("rope_parameters");
  const auto theta = parameters ? parameters->real("rope_theta", 1, 1e15) : std::nullopt;
  rope.theta = theta ? *theta : fields.real("rope_theta", 1, 1e15).value_or(10000);
  const auto scaling = parameters ? parameters : fields.object("rope_scaling");
  double m = scaling ? read_scaling(*scaling, rope) : 1;
  if (fields.boolean("r1_rope_divisors").value_or(false)) {
    if (rope.scaling != RopeConfig::Scaling::None && rope.scaling != RopeConfig::Scaling::Llama3) {
      fields.wrong("r1_rope_divisors", "no rope scaling beside it");
    }
    rope.scaling = RopeConfig::Scaling::Divisors;
  }
  return fields.real("r1_mscale_softmax", 1e-3, 1e3).value_or(m);
}

// ---- attention ----

void read_gqa(const Fields& fields, ModelConfig& config) {
  config.kv_heads = static_cast<int>(fields.integer("num_key_value_heads", 1, kMostHeads).value_or(config.heads));
  if (config.heads % config.kv_heads != 0) {
    fields.wrong("num_key_value_heads", fmt::format("a divisor of num_attention_heads, {}", config.heads));
  }
  if (!fields.has("head_dim") && config.hidden % config.heads != 0) {
    fields.wrong("num_attention_heads", fmt::format("a divisor of hidden_size, {}", config.hidden));
  }
  const int64_t even_share = config.hidden / config.heads;
  config.head_dim = static_cast<int>(fields.integer("head_dim", 2, kMostHeadDim).value_or(even_share));
  if (config.head_dim % 2 != 0 || config.head_dim < 2 || config.head_dim > kMostHeadDim) {
    fields.wrong("head_dim", fmt::format("an even number from 2 to {}", kMostHeadDim));
  }
  const bool biased = fields.boolean("attention_bias").value_or(false);
  const bool qwen3 = config.architecture == Architecture::Qwen3 || config.architecture == Architecture::Qwen3Moe;
  config.qkv_bias = config.architecture == Architecture::Qwen2 || biased;
  config.o_bias = config.architecture != Architecture::Qwen2 && biased;
  config.qk_norm = qwen3;
  config.attention_scale = static_cast<float>(1 / std::sqrt(static_cast<double>(config.head_dim)));
  read_rope(fields, config);
}

void read_mla(const Fields& fields, ModelConfig& config) {
  MlaConfig& mla = config.mla;
  mla.q_lora = static_cast<int>(fields.integer("q_lora_rank", 1, kMostHidden).value_or(0));
  mla.kv_lora = static_cast<int>(fields.need_integer("kv_lora_rank", 1, kMostHidden));
  mla.nope = static_cast<int>(fields.need_integer("qk_nope_head_dim", 1, kMostHeadDim));
  mla.rope = static_cast<int>(fields.need_integer("qk_rope_head_dim", 2, kMostHeadDim));
  mla.value = static_cast<int>(fields.need_integer("v_head_dim", 1, kMostHeadDim));
  if (mla.rope % 2 != 0) fields.wrong("qk_rope_head_dim", "an even number");
  mla.inner_norm_eps = static_cast<float>(fields.real("r1_inner_norm_eps", 0, 1).value_or(1e-6));
  mla.kv_b_split = fields.boolean("r1_kv_b_split").value_or(false);
  config.kv_heads = config.heads;
  config.head_dim = mla.nope + mla.rope;  // a head_dim in the file means something else: model.md 1.1
  const double m = read_rope(fields, config);
  config.attention_scale = static_cast<float>(m * m / std::sqrt(static_cast<double>(config.head_dim)));
}

// ---- experts (model.md 3.8) ----

void read_deepseek_layers(const Fields& fields, ModelConfig& config) {
  const int64_t first = fields.integer("first_k_dense_replace", 0, kMostLayers).value_or(0);
  const int64_t every = fields.integer("moe_layer_freq", 1, kMostLayers).value_or(1);
  for (int64_t i = 0; i < config.layers; ++i) config.moe_layer[i] = i >= first && i % every == 0;
}

void read_qwen3_layers(const Fields& fields, ModelConfig& config) {
  const int64_t step = fields.integer("decoder_sparse_step", 1, kMostLayers).value_or(1);
  for (int64_t i = 0; i < config.layers; ++i) config.moe_layer[i] = (i + 1) % step == 0;
  const Json* dense = fields.find("mlp_only_layers");
  if (dense == nullptr) return;
  if (!dense->is_array()) fields.wrong("mlp_only_layers", "a list of layer numbers");
  for (const Json& layer : *dense) {
    if (!layer.is_number_integer()) fields.wrong("mlp_only_layers", "a list of layer numbers");
    const auto i = layer.get<int64_t>();
    if (0 <= i && i < config.layers) config.moe_layer[i] = false;
  }
}

void read_groups(const Fields& fields, RouterRule& rule, RouterRule::Groups groups) {
  rule.group_count = static_cast<int>(fields.integer("n_group", 1, rule.experts).value_or(1));
  rule.groups_kept = static_cast<int>(fields.integer("topk_group", 1, rule.group_count).value_or(1));
  if (groups == RouterRule::Groups::None) rule.group_count = rule.groups_kept = 1;
  if (rule.group_count == 1) return;
  rule.groups = groups;
  if (rule.experts % rule.group_count != 0) {
    fields.wrong("n_group", fmt::format("a divisor of the {} experts", rule.experts));
  }
  const int size = rule.experts / rule.group_count;
  if (groups == RouterRule::Groups::TwoBest && size < 2) fields.wrong("n_group", "groups of at least two experts");
  if (rule.chosen > rule.groups_kept * size) {
    fields.wrong("num_experts_per_tok",
                 fmt::format("at most {}, the experts of the groups kept", rule.groups_kept * size));
  }
}

void read_deepseek_router(const Fields& fields, ModelConfig& config) {
  RouterRule& rule = config.router;
  const bool v3 = config.architecture == Architecture::DeepseekV3;
  const std::string scoring = fields.text("scoring_func").value_or(v3 ? "sigmoid" : "softmax");
  if (scoring != "sigmoid" && scoring != "softmax") fields.wrong("scoring_func", "sigmoid or softmax");
  const bool sigmoid = scoring == "sigmoid";
  rule.scores = sigmoid ? RouterRule::Scores::Sigmoid : RouterRule::Scores::Softmax;
  const std::string method = fields.text("topk_method").value_or(sigmoid ? "noaux_tc" : "greedy");
  if (sigmoid && method != "noaux_tc") fields.wrong("topk_method", "noaux_tc, as scoring_func is sigmoid");
  if (!sigmoid && method != "greedy" && method != "group_limited_greedy") {
    fields.wrong("topk_method", "greedy or group_limited_greedy, as scoring_func is softmax");
  }
  config.router_bias = sigmoid;
  read_groups(fields, rule,
              sigmoid              ? RouterRule::Groups::TwoBest
              : method == "greedy" ? RouterRule::Groups::None
                                   : RouterRule::Groups::Best);
  rule.normalise = fields.boolean("norm_topk_prob").value_or(false);
  // DeepSeek's V2 code lets normalisation replace the scaling, other engines do both, the hub's does neither
  // (model.md 3.8).
  if (!sigmoid && rule.normalise) fields.wrong("norm_topk_prob", "false, as scoring_func is softmax");
  rule.factor = static_cast<float>(fields.real("routed_scaling_factor", 0, 1e6).value_or(1));
  config.shared_experts = static_cast<int>(fields.integer("n_shared_experts", 0, 64).value_or(0));
}

void read_experts(const Fields& fields, ModelConfig& config) {
  config.moe_layer.assign(static_cast<size_t>(config.layers), false);
  const bool deepseek = is_deepseek(config.architecture);
  if (!deepseek && config.architecture != Architecture::Qwen3Moe) return;
  const std::string_view name = deepseek                    ? "n_routed_experts"
                                : fields.has("num_experts") ? "num_experts"
                                                            : "num_local_experts";
  if (deepseek && !fields.has(name)) return;  // every layer is dense
  config.router.experts = static_cast<int>(fields.need_integer(name, 1, kMostExperts));
  config.router.chosen = static_cast<int>(fields.need_integer("num_experts_per_tok", 1, config.router.experts));
  config.expert_ffn = fields.need_integer("moe_intermediate_size", 1, kMostExpertFfn);
  if (deepseek) {
    read_deepseek_router(fields, config);
    read_deepseek_layers(fields, config);
  } else {
    config.router.normalise = fields.boolean("norm_topk_prob").value_or(false);
    read_qwen3_layers(fields, config);
  }
}

}  // namespace

std::string_view name(Architecture architecture) { return kModelTypes[static_cast<size_t>(architecture)].first; }

ModelConfig read_model_config(const Json& json, const std::string& file) {
  const Fields fields(json, file);
  ModelConfig config;
  config.architecture = read_architecture(fields);
  refuse_unsupported(fields, config.architecture);
  config.vocabulary = fields.need_integer("vocab_size", 1, kMostVocabulary);
  config.hidden = fields.need_integer("hidden_size", 1, kMostHidden);
  config.layers = fields.need_integer("num_hidden_layers", 1, kMostLayers);
  config.dense_ffn = fields.need_integer("intermediate_size", 1, kMostFfn);
  config.heads = static_cast<int>(fields.need_integer("num_attention_heads", 1, kMostHeads));
  config.norm_eps = static_cast<float>(fields.real("rms_norm_eps", 0, 1).value_or(1e-6));
  config.tied_head = fields.boolean("tie_word_embeddings").value_or(false);
  config.context = fields.integer("max_position_embeddings", 1, kMostContext).value_or(0);
  if (is_deepseek(config.architecture)) {
    read_mla(fields, config);
  } else {
    read_gqa(fields, config);
  }
  read_experts(fields, config);
  if (config.architecture == Architecture::DeepseekV3) {
    config.mtp_layers = static_cast<int>(fields.integer("num_nextn_predict_layers", 0, 16).value_or(0));
  }
  return config;
}

}  // namespace r1
