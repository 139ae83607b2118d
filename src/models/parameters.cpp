// How many numbers a model of some config is made of (model.md 1 and 8.9).
#include "models/config.h"

namespace r1 {
namespace {

int64_t attention_parameters(const ModelConfig& c) {
  if (!c.is_mla()) {
    const int64_t q = int64_t{c.heads} * c.head_dim, kv = int64_t{c.kv_heads} * c.head_dim;
    return c.hidden * (2 * q + 2 * kv) + (c.qkv_bias ? q + 2 * kv : 0) + (c.o_bias ? c.hidden : 0) +
           (c.qk_norm ? 2 * c.head_dim : 0);
  }
  const int64_t heads = c.heads, latent = c.mla.kv_lora;
  const int64_t q_width = heads * (c.mla.nope + c.mla.rope), q_lora = c.mla.q_lora;
  const int64_t q = q_lora > 0 ? c.hidden * q_lora + q_lora + q_lora * q_width : c.hidden * q_width;
  return q + c.hidden * (latent + c.mla.rope) + latent + heads * (c.mla.nope + c.mla.value) * latent +
         heads * c.mla.value * c.hidden;
}

// `experts`: how many of the routed ones to count.
int64_t ffn_parameters(const ModelConfig& c, bool moe, int64_t experts) {
  if (!moe) return 3 * c.hidden * c.dense_ffn;
  const int64_t router = c.router.experts * c.hidden + (c.router_bias ? c.router.experts : 0);
  return router + 3 * c.hidden * c.expert_ffn * (experts + c.shared_experts);
}

int64_t count(const ModelConfig& c, int64_t embedding_rows, int64_t experts) {
  // One matrix where embedding and head are tied: then the head is what is read.
  int64_t sum = c.tied_head ? c.vocabulary * c.hidden : (embedding_rows + c.vocabulary) * c.hidden;
  for (const bool moe : c.moe_layer) sum += attention_parameters(c) + 2 * c.hidden + ffn_parameters(c, moe, experts);
  return sum + c.hidden;
}

}  // namespace

int64_t ModelConfig::parameters() const { return count(*this, vocabulary, router.experts); }

int64_t ModelConfig::active_parameters() const { return count(*this, 1, router.chosen); }

}  // namespace r1
