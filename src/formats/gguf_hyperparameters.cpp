#include "formats/gguf_hyperparameters.h"

#include <cmath>

#include "base/error.h"
#include "base/log.h"

namespace r1 {
namespace {

constexpr double kHubInnerNormEps =
    1e-6;  // the default of the hub's norm class, which its DeepSeek code never overrides

// get(s, m) of model.md 3.5.
double yarn_scale(double factor, double mscale) { return factor > 1 ? 0.1 * mscale * std::log(factor) + 1 : 1; }

class HyperparameterReader {
 public:
  HyperparameterReader(const Json& config, int64_t mtp_layers, const std::string& file)
      : config_(config), mtp_layers_(mtp_layers), file_(file) {}

  Hyperparameters read() {
    const std::string type = text("model_type", "");
    if (type == "llama" || type == "qwen2" || type == "qwen3") {
      result_.architecture = type;
    } else if (type == "qwen3_moe") {
      result_.architecture = "qwen3moe";
    } else if (type == "deepseek_v2" || type == "deepseek_v3") {
      result_.architecture = "deepseek2";
      result_.mla = true;
    } else {
      bad("model_type",
          fmt::format(
              "'{}' has no GGUF form here; known are llama, qwen2, qwen3, qwen3_moe, deepseek_v2 and deepseek_v3",
              type));
    }
    if (flag("use_sliding_window", false)) bad("use_sliding_window", "true is not supported");
    read_sizes();
    result_.mla ? read_mla() : read_heads();
    if (type == "qwen3_moe") read_qwen_experts();
    if (result_.mla) read_deepseek_experts(type == "deepseek_v3");
    read_rope();
    return std::move(result_);
  }

 private:
  [[noreturn]] void bad(std::string_view field, const std::string& problem) const {
    fail(Exit::kBadModel, "{}: config.json '{}': {}", file_, field, problem);
  }

  // Null and absent are the same.
  static const Json* find(const Json& object, const char* field) {
    const auto found = object.find(field);
    return found == object.end() || found->is_null() ? nullptr : &*found;
  }
  int64_t whole(const char* field, std::optional<int64_t> otherwise = std::nullopt) const {
    const Json* value = find(config_, field);
    if (value == nullptr && !otherwise) bad(field, "is missing");
    if (value != nullptr && !value->is_number_integer())
      bad(field, fmt::format("found {}, expected an integer", value->dump()));
    const int64_t number = value == nullptr ? *otherwise : value->get<int64_t>();
    if (number < 0 || number > INT32_MAX) bad(field, fmt::format("found {}, expected 0 to {}", number, INT32_MAX));
    return number;
  }
  double real(const Json& object, const char* field, std::optional<double> otherwise = std::nullopt) const {
    const Json* value = find(object, field);
    if (value == nullptr && !otherwise) bad(field, "is missing");
    if (value != nullptr && !value->is_number()) bad(field, fmt::format("found {}, expected a number", value->dump()));
    return value == nullptr ? *otherwise : value->get<double>();
  }
  bool flag(const char* field, bool otherwise) const {
    const Json* value = find(config_, field);
    if (value != nullptr && !value->is_boolean())
      bad(field, fmt::format("found {}, expected true or false", value->dump()));
    return value == nullptr ? otherwise : value->get<bool>();
  }
  std::string text(const char* field, const char* otherwise) const {
    const Json* value = find(config_, field);
    if (value != nullptr && !value->is_string()) bad(field, fmt::format("found {}, expected a string", value->dump()));
    return value == nullptr ? otherwise : value->get<std::string>();
  }

  void add(std::string_view key, GgufValue value) {
    result_.pairs.emplace_back(fmt::format("{}.{}", result_.architecture, key), std::move(value));
  }
  void add_count(std::string_view key, int64_t value) { add(key, static_cast<uint32_t>(value)); }
  void add_real(std::string_view key, double value) { add(key, static_cast<float>(value)); }

  void read_sizes() {
    result_.layers = whole("num_hidden_layers");
    result_.heads = whole("num_attention_heads");
    if (result_.heads == 0) bad("num_attention_heads", "found 0");
    result_.kv_heads = whole("num_key_value_heads", result_.heads);
    result_.tied = flag("tie_word_embeddings", false);
    add_count("vocab_size", whole("vocab_size"));
    if (find(config_, "max_position_embeddings") != nullptr)
      add_count("context_length", whole("max_position_embeddings"));
    add_count("embedding_length", whole("hidden_size"));
    add_count("block_count", result_.layers + mtp_layers_);
    add_count("feed_forward_length", whole("intermediate_size"));
    add_count("attention.head_count", result_.heads);
    add_real("attention.layer_norm_rms_epsilon", real(config_, "rms_norm_eps", 1e-6));
  }

  void read_heads() {
    result_.head_dim = whole("head_dim", whole("hidden_size") / result_.heads);
    if (result_.head_dim < 1 || result_.head_dim > 65536) {
      bad("head_dim", fmt::format("found {}, expected 1 to 65536", result_.head_dim));
    }
    add_count("attention.head_count_kv", result_.kv_heads);
    add_count("attention.key_length", result_.head_dim);
    add_count("attention.value_length", result_.head_dim);
    add_count("rope.dimension_count", result_.head_dim);
  }

  void read_qwen_experts() {
    const char* field = find(config_, "num_experts") != nullptr ? "num_experts" : "num_local_experts";
    const Json* dense = find(config_, "mlp_only_layers");
    if (!flag("norm_topk_prob", false))
      bad("norm_topk_prob", "false cannot be said in GGUF, whose engines always normalise qwen3moe");
    if (whole("decoder_sparse_step", 1) != 1)
      bad("decoder_sparse_step", "dense layers among the expert layers cannot be said in GGUF");
    if (dense != nullptr && !dense->empty())
      bad("mlp_only_layers", "dense layers among the expert layers cannot be said in GGUF");
    result_.experts = whole(field);
    add_count("expert_count", result_.experts);
    add_count("expert_used_count", whole("num_experts_per_tok"));
    add_count("expert_feed_forward_length", whole("moe_intermediate_size"));
  }

  // The new layout: the latent is one key/value head; the widths of the expanded heads have keys of their own.
  void read_mla() {
    result_.nope = whole("qk_nope_head_dim");
    result_.rope = whole("qk_rope_head_dim");
    result_.value = whole("v_head_dim");
    result_.kv_lora = whole("kv_lora_rank");
    if (find(config_, "rope_interleave") != nullptr && !flag("rope_interleave", true)) {
      bad("rope_interleave", "false cannot be said in GGUF, whose engines pair deepseek2's dimensions interleaved");
    }
    add_count("attention.head_count_kv", 1);
    add_count("attention.key_length", result_.kv_lora + result_.rope);
    add_count("attention.value_length", result_.kv_lora);
    add_count("attention.key_length_mla", result_.nope + result_.rope);
    add_count("attention.value_length_mla", result_.value);
    if (find(config_, "q_lora_rank") != nullptr) add_count("attention.q_lora_rank", whole("q_lora_rank"));
    add_count("attention.kv_lora_rank", result_.kv_lora);
    add_count("rope.dimension_count", result_.rope);
    const double eps = real(config_, "rms_norm_eps", 1e-6),
                 inner = real(config_, "r1_inner_norm_eps", kHubInnerNormEps);
    if (static_cast<float>(eps) == static_cast<float>(inner)) return;
    spdlog::warn(
        "{}: rms_norm_eps is {}, and MLA's inner norms use {}; GGUF has one key for both: r1 reads the second from its "
        "own key '{}', "
        "other engines will use {} throughout",
        file_, eps, inner, kInnerNormKey, eps);
    result_.pairs.emplace_back(kInnerNormKey, static_cast<float>(inner));
  }

  void read_deepseek_experts(bool v3) {
    const std::string scoring = text("scoring_func", v3 ? "sigmoid" : "softmax");
    const std::string method = text("topk_method", v3 ? "noaux_tc" : "greedy");
    if (scoring != "sigmoid" && scoring != "softmax")
      bad("scoring_func", fmt::format("'{}' is not supported", scoring));
    const bool sigmoid = scoring == "sigmoid";
    const bool fits = sigmoid ? method == "noaux_tc" : method == "greedy" || method == "group_limited_greedy";
    if (!fits) bad("topk_method", fmt::format("'{}' with scoring_func '{}' has no GGUF form", method, scoring));
    if (whole("moe_layer_freq", 1) != 1)
      bad("moe_layer_freq", "dense layers among the expert layers cannot be said in GGUF");
    result_.experts = whole("n_routed_experts");
    const bool grouped = method != "greedy";
    if (method == "group_limited_greedy" && whole("n_group", 1) > 1) {
      spdlog::warn(
          "{}: group_limited_greedy scores a group by its best expert; other engines take the sum of the two best for "
          "every GGUF file, and "
          "will choose other experts now and then",
          file_);
    }
    add_count("leading_dense_block_count", whole("first_k_dense_replace", 0));
    add_count("expert_count", result_.experts);
    add_count("expert_used_count", whole("num_experts_per_tok"));
    add_count("expert_shared_count", whole("n_shared_experts", 0));
    add_count("expert_feed_forward_length", whole("moe_intermediate_size"));
    add_real("expert_weights_scale", real(config_, "routed_scaling_factor", 1.0));
    add("expert_weights_norm", flag("norm_topk_prob", false));
    add_count("expert_gating_func", sigmoid ? 2 : 1);
    add_count("expert_group_count", grouped ? whole("n_group", 1) : 1);
    add_count("expert_group_used_count", grouped ? whole("topk_group", 1) : 1);
    if (mtp_layers_ > 0) add_count("nextn_predict_layers", mtp_layers_);
  }

  void read_rope() {
    const Json* parameters = find(config_, "rope_parameters");  // the newer layout: everything in one object
    const Json* scaling = parameters != nullptr ? parameters : find(config_, "rope_scaling");
    result_.rope_theta = real(parameters != nullptr ? *parameters : config_, "rope_theta", 10000.0);
    add_real("rope.freq_base", result_.rope_theta);
    if (scaling == nullptr) return;
    if (!scaling->is_object()) bad("rope_scaling", "is no object");
    const Json* kind = find(*scaling, "rope_type");
    if (kind == nullptr) kind = find(*scaling, "type");
    if (kind == nullptr || !kind->is_string()) bad("rope_scaling", "has no rope_type");
    const auto type = kind->get<std::string>();
    if (type == "default") return;
    result_.rope_scaling = *scaling;
    result_.rope_scaling["rope_type"] = type;
    if (type == "llama3" && !result_.mla) return;  // becomes the tensor rope_freqs
    if (type == "linear") {
      add("rope.scaling.type", std::string("linear"));
      add_real("rope.scaling.factor", real(*scaling, "factor"));
    } else if (type == "yarn") {
      read_yarn(*scaling);
    } else {
      bad("rope_scaling",
          fmt::format("rope_type '{}' has no GGUF form here; known are default, linear, llama3 and yarn", type));
    }
  }

  void read_yarn(const Json& scaling) {
    const double factor = real(scaling, "factor");
    if (!(factor >= 1)) bad("rope_scaling", fmt::format("factor is {}, expected 1 or more", factor));
    add("rope.scaling.type", std::string("yarn"));
    add_real("rope.scaling.factor", factor);
    const double original =
        real(scaling, "original_max_position_embeddings", real(config_, "max_position_embeddings", 0.0));
    if (!(original >= 1 && original <= INT32_MAX))
      bad("rope_scaling", fmt::format("the original context is {}", original));
    add_count("rope.scaling.original_context_length", static_cast<int64_t>(original));
    if (const double beta = real(scaling, "beta_fast", 32.0); beta != 32) add_real("rope.scaling.yarn_beta_fast", beta);
    if (const double beta = real(scaling, "beta_slow", 1.0); beta != 1) add_real("rope.scaling.yarn_beta_slow", beta);
    const double cos_sin = cos_sin_factor(scaling, factor);
    if (!result_.mla) {
      // Engines multiply cos and sin by get(factor, 1) themselves; the key is what comes on top.
      const double own = cos_sin / yarn_scale(factor, 1);
      if (std::fabs(own - 1) > 1e-9) add_real("rope.scaling.attn_factor", own);
    } else {
      add_mla_factors(scaling, factor, cos_sin);
    }
  }

  double cos_sin_factor(const Json& scaling, double factor) const {
    if (find(scaling, "attention_factor") != nullptr) return real(scaling, "attention_factor");
    if (find(scaling, "mscale") != nullptr && find(scaling, "mscale_all_dim") != nullptr) {
      return yarn_scale(factor, real(scaling, "mscale")) / yarn_scale(factor, real(scaling, "mscale_all_dim"));
    }
    return yarn_scale(factor, 1) * real(scaling, "attn_factor", 1.0);
  }

  // Engines give deepseek2 a cos/sin factor of attn_factor alone and a softmax scale of (attn_factor·(1 + multiplier·ln
  // factor))², so that both of the hub's factors can be said, also where mscale is unlike mscale_all_dim.
  void add_mla_factors(const Json& scaling, double factor, double cos_sin) {
    const double all_dim = real(scaling, "mscale_all_dim", 0.0), log_factor = std::log(factor);
    double multiplier = 0.1 * all_dim;
    if (std::fabs(cos_sin - 1) > 1e-9) {
      add_real("rope.scaling.attn_factor", cos_sin);
      const double m = all_dim != 0 ? yarn_scale(factor, all_dim) : 1;
      multiplier = log_factor > 0 ? (m / cos_sin - 1) / log_factor : 0;
    }
    // Zero would be taken for a missing key, and that for another meaning by some engines.
    add_real("rope.scaling.yarn_log_multiplier", multiplier == 0 ? 1e-9 : multiplier);
  }

  const Json& config_;
  const int64_t mtp_layers_;
  const std::string& file_;
  Hyperparameters result_;
};

}  // namespace

Hyperparameters hyperparameters_of(const Json& config, int64_t mtp_layers, const std::string& file) {
  return HyperparameterReader(config, mtp_layers, file).read();
}

}  // namespace r1
