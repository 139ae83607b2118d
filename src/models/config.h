// ModelConfig: what config.json says, checked. An unknown model type, rope scaling, router or activation is an Error
// that names the field, what was found and what is supported (model.md 1 and 8): never a default that changes the
// mathematics. Every number is bounded, so that products of them fit 64 bits.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json_fwd.h"
#include "compute/backend.h"

namespace r1 {

enum class Architecture : uint8_t { Llama, Qwen2, Qwen3, Qwen3Moe, DeepseekV2, DeepseekV3 };

struct RopeConfig {
  enum class Scaling : uint8_t { None, Linear, Llama3, Yarn, Divisors } scaling = Scaling::None;
  RopePairing pairing = RopePairing::Half;
  int width = 0;  // rotated numbers per head
  double theta = 10000;
  double factor = 1;
  double low_freq_factor = 1, high_freq_factor = 4;  // llama3
  double original_context = 0;                       // llama3, yarn
  double beta_fast = 32, beta_slow = 1;              // yarn
  double cos_sin_factor = 1;                         // yarn: attention_factor, mscales, attn_factor; model.md 3.5
};

struct MlaConfig {
  int q_lora = 0;  // 0: one full q_proj
  int kv_lora = 0, nope = 0, rope = 0, value = 0;
  float inner_norm_eps = 1e-6f;
  bool kv_b_split = false;
};

struct ModelConfig {
  Architecture architecture = Architecture::Llama;
  int64_t vocabulary = 0, hidden = 0, layers = 0, dense_ffn = 0;
  int heads = 0, kv_heads = 0, head_dim = 0;
  float norm_eps = 1e-6f;
  RopeConfig rope;
  float attention_scale = 0;  // on the scores, m² included
  bool qkv_bias = false, o_bias = false, qk_norm = false;
  bool tied_head = false;
  int64_t context = 0;  // trained positions after scaling; 0 unknown
  MlaConfig mla;        // kv_lora 0: grouped-query attention

  // Experts; router.experts == 0 means every layer is dense.
  RouterRule router;
  int64_t expert_ffn = 0;
  int shared_experts = 0;
  std::vector<bool> moe_layer;  // per layer
  bool router_bias = false;     // e_score_correction_bias
  int mtp_layers = 0;

  bool is_mla() const { return mla.kv_lora > 0; }
  int64_t parameters() const;         // of the main model (model.md 8.9), without MTP
  int64_t active_parameters() const;  // per token: all but the experts not chosen; the embedding counts one row
};

std::string_view name(Architecture architecture);

// `file` names the source in errors.
ModelConfig read_model_config(const Json& config, const std::string& file);

}  // namespace r1
