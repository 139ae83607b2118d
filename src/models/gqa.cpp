#include "models/gqa.h"

namespace r1 {

Gqa::Gqa(WeightBinder& weights, const std::string& prefix, const ModelConfig& config)
    : heads_(config.heads), kv_heads_(config.kv_heads), scale_(config.attention_scale) {
  const int64_t q_width = int64_t{heads_} * config.head_dim, kv_width = int64_t{kv_heads_} * config.head_dim;
  q_ = weights.linear(prefix + "q_proj", q_width, config.hidden, config.qkv_bias);
  k_ = weights.linear(prefix + "k_proj", kv_width, config.hidden, config.qkv_bias);
  v_ = weights.linear(prefix + "v_proj", kv_width, config.hidden, config.qkv_bias);
  o_ = weights.linear(prefix + "o_proj", config.hidden, q_width, config.o_bias);
  if (!config.qk_norm) return;
  q_norm_ = weights.norm(prefix + "q_norm", config.head_dim, config.norm_eps);
  k_norm_ = weights.norm(prefix + "k_norm", config.head_dim, config.norm_eps);
}

Tensor Gqa::forward(Pass& pass, Tensor x, Places& places, int layer) const {
  auto [q, k, v] = linears(pass, x, q_, k_, v_);
  if (q_norm_) {
    q = head_rms_norm(pass, q, *q_norm_);
    k = head_rms_norm(pass, k, *k_norm_);
  }
  rope(pass, q, places.rotation, heads_);
  rope(pass, k, places.rotation, kv_heads_);
  pass.observe([&] { return fmt::format("layer{}.q_rot", layer); }, q);
  pass.observe([&] { return fmt::format("layer{}.k_rot", layer); }, k);
  return linear(pass, attention(pass, q, k, v, heads_, scale_, places.pages, layer), o_);
}

}  // namespace r1
