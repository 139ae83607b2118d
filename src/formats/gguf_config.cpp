#include "formats/gguf_config.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "formats/gguf_hyperparameters.h"

namespace r1 {
namespace {

struct ArchitectureNames {
  std::string_view gguf, model_type, hub_class;
  bool interleaved;  // rope pairing of the stored q and k rows
};

// deepseek2 is listed as what it most often is; its gate decides.
constexpr ArchitectureNames kArchitectures[] = {
    {"llama", "llama", "LlamaForCausalLM", true},
    {"qwen2", "qwen2", "Qwen2ForCausalLM", false},
    {"qwen3", "qwen3", "Qwen3ForCausalLM", false},
    {"qwen3moe", "qwen3_moe", "Qwen3MoeForCausalLM", false},
    {"deepseek2", "deepseek_v3", "DeepseekV3ForCausalLM", true},
};

const ArchitectureNames& architecture_named(std::string_view name, const std::string& file) {
  std::string known;
  for (const ArchitectureNames& entry : kArchitectures) {
    if (entry.gguf == name) return entry;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", entry.gguf);
  }
  fail(Exit::kBadModel, "{}: the architecture '{}' is not supported; r1 runs {}", file, name, known);
}

constexpr int64_t kMostExperts = 1 << 12;

// The decimal a person would have written for a stored float32: 1e-06 and not 9.999999974752427e-07.
double shortest(double value) {
  const float narrow = static_cast<float>(value);
  if (static_cast<double>(narrow) != value) return value;
  const std::string text = fmt::format("{}", narrow);
  double result = value;
  std::from_chars(text.data(), text.data() + text.size(), result);
  return result;
}

// Ends of text, of turn and of message: each of them ends an answer.
Json stop_ids(const GgufMetadata& metadata) {
  Json ids = Json::array();
  for (const char* key : kStopKeys) {
    const auto id = metadata.token_id(key);
    if (id && std::find(ids.begin(), ids.end(), *id) == ids.end()) ids.push_back(*id);
  }
  return ids;
}

// Builds the config of one file; keys are those behind "{architecture}.".
class ConfigBuilder {
 public:
  explicit ConfigBuilder(const Gguf& gguf)
      : gguf_(gguf),
        metadata_(gguf.metadata()),
        architecture_(architecture_named(metadata_.required_string("general.architecture"), metadata_.file())) {}

  Json build() {
    config_["model_type"] = architecture_.model_type;
    config_["architectures"] = Json::array({architecture_.hub_class});
    read_sizes();
    read_token_ids();
    if (mla()) {
      read_mla();
      read_deepseek_experts();
    } else {
      read_heads();
      if (architecture_.gguf == "qwen3moe") read_qwen_experts();
      if (architecture_.gguf != "qwen3moe" && integer("expert_count").value_or(0) > 0) {
        bad("expert_count", fmt::format("{} experts are not supported in architecture '{}'", *integer("expert_count"),
                                        architecture_.gguf));
      }
    }
    read_rope();
    config_["r1_rope_pairing"] = architecture_.interleaved ? "interleaved" : "half";
    return std::move(config_);
  }

 private:
  bool mla() const { return architecture_.gguf == "deepseek2"; }
  std::string key(std::string_view name) const { return fmt::format("{}.{}", architecture_.gguf, name); }
  std::optional<int64_t> integer(std::string_view name) const { return metadata_.integer(key(name)); }
  std::optional<double> real(std::string_view name) const {
    const auto value = metadata_.real(key(name));
    return value ? std::optional(shortest(*value)) : std::nullopt;
  }
  [[noreturn]] void bad(std::string_view name, const std::string& problem) const {
    fail(Exit::kBadModel, "{}: metadata '{}': {}", metadata_.file(), key(name), problem);
  }

  int64_t checked(std::string_view name, int64_t value, int64_t least) const {
    if (value < least || value > INT32_MAX)
      bad(name, fmt::format("found {}, expected {} to {}", value, least, INT32_MAX));
    return value;
  }
  int64_t positive(std::string_view name) const { return checked(name, metadata_.required_integer(key(name)), 1); }
  int64_t positive(std::string_view name, int64_t otherwise) const {
    return checked(name, integer(name).value_or(otherwise), 1);
  }
  int64_t count(std::string_view name, int64_t otherwise) const {
    return checked(name, integer(name).value_or(otherwise), 0);
  }

  void read_sizes() {
    config_["hidden_act"] = "silu";
    config_["hidden_size"] = positive("embedding_length");
    config_["intermediate_size"] = positive("feed_forward_length");
    config_["num_attention_heads"] = positive("attention.head_count");
    config_["rms_norm_eps"] = shortest(metadata_.required_real(key("attention.layer_norm_rms_epsilon")));
    if (const auto context = integer("context_length"))
      config_["max_position_embeddings"] = checked("context_length", *context, 1);
    config_["tie_word_embeddings"] = gguf_.find("output.weight") == nullptr;
    read_vocabulary_size();
    read_layers();
  }

  void read_vocabulary_size() {
    const GgufTensor* embedding = gguf_.find("token_embd.weight");
    const int64_t tokens = metadata_.array_length("tokenizer.ggml.tokens");
    const int64_t otherwise = embedding != nullptr && embedding->rank == 2 ? embedding->shape[0] : tokens;
    config_["vocab_size"] = positive("vocab_size", otherwise);
  }

  // block_count includes MTP blocks where the file has them; some files name them and leave them out.
  void read_layers() {
    const int64_t blocks = positive("block_count");
    const int64_t mtp = count("nextn_predict_layers", 0);
    if (mtp >= blocks) bad("nextn_predict_layers", fmt::format("found {} of {} blocks", mtp, blocks));
    const auto has = [&](std::string_view tensor) {
      return gguf_.find(fmt::format("blk.{}.{}", blocks - 1, tensor)) != nullptr;
    };
    const bool stored = mtp > 0 && has("nextn.eh_proj.weight");
    const bool main_block = mtp > 0 && !stored && has("attn_norm.weight");
    config_["num_hidden_layers"] = main_block ? blocks : blocks - mtp;
    if (mla()) config_["num_nextn_predict_layers"] = stored ? mtp : 0;
    if (!mla() && stored) bad("nextn_predict_layers", "MTP blocks are supported in deepseek2 only");
  }

  void read_token_ids() {
    for (const auto& [hub, gguf] : {std::pair{"bos_token_id", "tokenizer.ggml.bos_token_id"},
                                    std::pair{"pad_token_id", "tokenizer.ggml.padding_token_id"}}) {
      if (const auto id = metadata_.token_id(gguf)) config_[hub] = *id;
    }
    const Json stops = stop_ids(metadata_);
    if (!stops.empty()) config_["eos_token_id"] = stops.size() == 1 ? stops[0] : stops;
  }

  void read_heads() {
    const int64_t heads = config_["num_attention_heads"], hidden = config_["hidden_size"];
    const int64_t kv_heads = positive("attention.head_count_kv", heads);
    const int64_t head = positive("attention.key_length", std::max<int64_t>(1, hidden / heads));
    if (!integer("attention.key_length") && hidden % heads != 0) {
      bad("attention.head_count",
          fmt::format("found {}, which does not divide the embedding length {}", heads, hidden));
    }
    if (const int64_t value = positive("attention.value_length", head); value != head) {
      bad("attention.value_length", fmt::format("found {}, expected the key length {}", value, head));
    }
    if (const int64_t rotated = positive("rope.dimension_count", head); rotated != head) {
      bad("rope.dimension_count", fmt::format("found {}, expected all {} dimensions of a head", rotated, head));
    }
    if (std::max(heads, kv_heads) * head > INT32_MAX)
      bad("attention.head_count", "heads times their width is beyond 2^31");
    config_["num_key_value_heads"] = kv_heads;
    config_["head_dim"] = head;
    const bool bias = gguf_.find("blk.0.attn_q.bias") != nullptr || gguf_.find("blk.0.attn_qkv.bias") != nullptr;
    if (architecture_.gguf != "qwen2") config_["attention_bias"] = bias;
    if (const auto window = integer("attention.sliding_window"); window.value_or(0) != 0) {
      bad("attention.sliding_window", fmt::format("a window of {} is not supported", *window));
    }
  }

  // Each expert becomes names of its own: their number must have nothing to do with the size of a file that claims it.
  int64_t expert_count() const {
    const int64_t experts = positive("expert_count");
    if (experts > kMostExperts)
      bad("expert_count", fmt::format("found {}, expected at most {}", experts, kMostExperts));
    return experts;
  }

  void read_qwen_experts() {
    const GgufTensor* stack = gguf_.find("blk.0.ffn_down_exps.weight");
    const int64_t stored_width = stack != nullptr && stack->rank == 3 ? stack->shape[2] : 0;
    config_["num_experts"] = expert_count();
    config_["num_experts_per_tok"] = positive("expert_used_count");
    config_["moe_intermediate_size"] = positive("expert_feed_forward_length", stored_width);
    config_["norm_topk_prob"] = true;  // engines that read these files always normalise (formats.md 3)
    config_["decoder_sparse_step"] = 1;
    config_["mlp_only_layers"] = Json::array();
  }

  // Old files store kv_b whole and full key widths, new ones two parts and the latent's widths (formats.md 3.2, 4.3).
  void read_mla() {
    const bool split = integer("attention.key_length_mla").has_value();
    const int64_t rope = positive("rope.dimension_count");
    const std::string_view key_name = split ? "attention.key_length_mla" : "attention.key_length";
    const int64_t key_length = positive(key_name);
    if (key_length <= rope)
      bad(key_name, fmt::format("found {}, expected more than the {} rotated dimensions", key_length, rope));
    config_["qk_nope_head_dim"] = key_length - rope;
    config_["qk_rope_head_dim"] = rope;
    config_["v_head_dim"] = positive(split ? "attention.value_length_mla" : "attention.value_length");
    config_["kv_lora_rank"] = positive("attention.kv_lora_rank");
    const int64_t q_lora = count("attention.q_lora_rank", 0);
    config_["q_lora_rank"] = q_lora > 0 ? Json(q_lora) : Json(nullptr);
    config_["num_key_value_heads"] = config_["num_attention_heads"];
    config_["attention_bias"] = false;
    config_["r1_kv_b_split"] = split && gguf_.find("blk.0.attn_k_b.weight") != nullptr;
    // Engines that read these files know one epsilon; a file that r1 made may state the other.
    const auto inner = metadata_.real(kInnerNormKey);
    config_["r1_inner_norm_eps"] = inner ? Json(shortest(*inner)) : config_["rms_norm_eps"];
  }

  void read_deepseek_experts() {
    const int64_t gate = count("expert_gating_func", 1);
    if (gate != 1 && gate != 2)
      bad("expert_gating_func", fmt::format("found {}, supported are 1 (softmax) and 2 (sigmoid)", gate));
    const bool sigmoid = gate == 2;
    config_["model_type"] = sigmoid ? "deepseek_v3" : "deepseek_v2";
    config_["architectures"] = Json::array({sigmoid ? "DeepseekV3ForCausalLM" : "DeepseekV2ForCausalLM"});
    const int64_t experts = expert_count();
    config_["n_routed_experts"] = experts;
    config_["num_experts_per_tok"] = positive("expert_used_count");
    config_["n_shared_experts"] = count("expert_shared_count", 0);
    config_["moe_intermediate_size"] = positive("expert_feed_forward_length");
    config_["first_k_dense_replace"] = count("leading_dense_block_count", 0);
    config_["moe_layer_freq"] = 1;
    config_["scoring_func"] = sigmoid ? "sigmoid" : "softmax";
    config_["norm_topk_prob"] = metadata_.boolean(key("expert_weights_norm")).value_or(false);
    const double scale = real("expert_weights_scale").value_or(1.0);
    config_["routed_scaling_factor"] = scale == 0 ? 1.0 : scale;  // 0 stands for none
    read_groups(experts, sigmoid);
  }

  void read_groups(int64_t experts, bool sigmoid) {
    // Files older than the group keys: those of 256 sigmoid experts are all V3 or R1, the others have no groups.
    const bool v3 = experts == 256 && sigmoid;
    if (v3 && !integer("expert_group_count")) {
      spdlog::warn("{}: has no '{}'; 256 experts with a sigmoid gate are taken for DeepSeek-V3's 8 groups, 4 used",
                   metadata_.file(), key("expert_group_count"));
    }
    if (experts == 160 && !sigmoid && !integer("expert_group_count")) {
      spdlog::warn(
          "{}: has no '{}'; 160 experts with a softmax gate look like DeepSeek-V2, which chooses within 3 of 8 groups: "
          "without the key they are chosen from all",
          metadata_.file(), key("expert_group_count"));
    }
    const int64_t groups = positive("expert_group_count", v3 ? 8 : 1);
    config_["n_group"] = groups;
    config_["topk_group"] = positive("expert_group_used_count", v3 && groups == 8 ? 4 : groups);
    config_["topk_method"] = sigmoid ? "noaux_tc" : groups > 1 ? "group_limited_greedy" : "greedy";
  }

  void read_rope() {
    config_["rope_theta"] = real("rope.freq_base").value_or(10000.0);
    config_["rope_scaling"] = nullptr;
    if (gguf_.find("rope_freqs.weight") != nullptr) config_["r1_rope_divisors"] = true;
    const auto named = metadata_.string(key("rope.scaling.type"));
    // The oldest linear files have "rope.scale_linear" alone.
    const auto old_linear = real("rope.scale_linear");
    const std::string_view type = named ? *named : old_linear.value_or(1.0) != 1.0 ? "linear" : "none";
    if (type == "none") return;
    if (type == "linear") {
      const double factor = real("rope.scaling.factor").value_or(old_linear.value_or(1.0));
      config_["rope_scaling"] = {{"rope_type", "linear"}, {"factor", factor}};
    } else if (type == "yarn") {
      read_yarn();
    } else {
      bad("rope.scaling.type", fmt::format("'{}' is not supported; r1 knows none, linear and yarn", type));
    }
  }

  void read_yarn() {
    const double factor = shortest(metadata_.required_real(key("rope.scaling.factor")));
    if (!(factor >= 1)) bad("rope.scaling.factor", fmt::format("found {}, expected 1 or more", factor));
    if (const auto mix = real("rope.scaling.yarn_ext_factor"); mix.value_or(1) != 1 && *mix >= 0) {
      bad("rope.scaling.yarn_ext_factor", fmt::format("found {}, supported is 1", *mix));
    }
    Json scaling = {{"rope_type", "yarn"}, {"factor", factor}};
    scaling["original_max_position_embeddings"] = positive("rope.scaling.original_context_length");
    if (const auto beta = real("rope.scaling.yarn_beta_fast")) scaling["beta_fast"] = *beta;
    if (const auto beta = real("rope.scaling.yarn_beta_slow")) scaling["beta_slow"] = *beta;
    const double attention_factor = real("rope.scaling.attn_factor").value_or(1.0);
    const double log_factor = std::log(factor);
    if (!mla()) {
      // The reader's own factor times the file's: what R1-0528-Qwen3-8B means by its odd number (model.md 1.5).
      if (attention_factor != 1) scaling["attention_factor"] = snapped(attention_factor * (0.1 * log_factor + 1));
    } else {
      add_mla_factors(attention_factor, log_factor, &scaling);
    }
    config_["rope_scaling"] = std::move(scaling);
  }

  // cos/sin get `a`, the softmax scale m² with m = a·(1 + multiplier·ln factor); the hub says the same by
  // mscale_all_dim.
  void add_mla_factors(double a, double log_factor, Json* scaling) {
    const double multiplier = real("rope.scaling.yarn_log_multiplier").value_or(0.0);
    (*scaling)["mscale_all_dim"] = shortest(static_cast<float>(multiplier * 10));
    if (a == 1 && multiplier != 0) {
      (*scaling)["mscale"] = (*scaling)["mscale_all_dim"];
      return;
    }
    (*scaling)["attention_factor"] = a;
    const double m = a * (1 + multiplier * log_factor);
    if (a != 1 && log_factor > 0) (*scaling)["mscale_all_dim"] = snapped((m - 1) / (0.1 * log_factor));
  }

  // Products of rounded floats: a value that was 1 before it was divided and multiplied is 1 again.
  static double snapped(double value) {
    const double near = std::round(value * 1e6) / 1e6;
    return std::fabs(value - near) < 1e-7 ? near : value;
  }

  const Gguf& gguf_;
  const GgufMetadata& metadata_;
  const ArchitectureNames& architecture_;
  Json config_ = Json::object();
};

}  // namespace

Json config_from_gguf(const Gguf& gguf) { return ConfigBuilder(gguf).build(); }

Json generation_config_from_gguf(const GgufMetadata& metadata) {
  Json config = Json::object();
  for (const auto& [hub, gguf] :
       {std::pair{"temperature", "general.sampling.temp"}, std::pair{"top_p", "general.sampling.top_p"},
        std::pair{"min_p", "general.sampling.min_p"}}) {
    if (const auto value = metadata.real(gguf)) config[hub] = shortest(*value);
  }
  if (const auto value = metadata.integer("general.sampling.top_k")) config["top_k"] = *value;
  if (Json stops = stop_ids(metadata); stops.size() > 1) config["eos_token_id"] = std::move(stops);
  if (config.contains("temperature")) config["do_sample"] = config["temperature"].get<double>() > 0;
  return config;
}

FusedParts fused_parts(const Json& config) {
  if (config.contains("kv_lora_rank")) return {.experts = config.at("n_routed_experts")};
  const int64_t head = config.at("head_dim"), kv = config.at("num_key_value_heads").get<int64_t>() * head;
  const int64_t experts = config.value("num_experts", int64_t{0});
  return {.q = config.at("num_attention_heads").get<int64_t>() * head, .k = kv, .v = kv, .experts = experts};
}

}  // namespace r1
