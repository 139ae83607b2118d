#include "models/moe_ffn.h"

namespace r1 {

MoeFfn::MoeFfn(WeightBinder& weights, const std::string& prefix, const ModelConfig& config)
    : rule_(config.router), router_(weights.exact_linear(prefix + "gate", config.router.experts, config.hidden)) {
  const int64_t hidden = config.hidden, ffn = config.expert_ffn;
  if (config.router_bias) router_bias_ = weights.vector(prefix + "gate.e_score_correction_bias", rule_.experts);
  if (config.shared_experts > 0) {
    shared_.emplace(weights, prefix + "shared_experts.", hidden, config.shared_experts * ffn);
  }
  for (int e = 0; e < rule_.experts; ++e) {
    const std::string expert = fmt::format("{}experts.{}.", prefix, e);
    experts_.push_back({weights.linear(expert + "gate_proj", ffn, hidden),
                        weights.linear(expert + "up_proj", ffn, hidden),
                        weights.linear(expert + "down_proj", hidden, ffn)});
  }
}

Tensor MoeFfn::forward(Pass& pass, Tensor residual, Tensor x, int layer) const {
  const Tensor logits = exact_linear(pass, x, router_);
  const Routing routing = route(pass, logits, router_bias_, rule_);
  pass.observe([&] { return fmt::format("layer{}.router.logits", layer); }, logits);
  pass.observe([&] { return fmt::format("layer{}.router.experts", layer); }, routing.experts);
  pass.observe([&] { return fmt::format("layer{}.router.weights", layer); }, routing.weights);
  if (shared_) residual = shared_->forward(pass, residual, x);
  return mix_experts(pass, residual, x, routing, experts_);
}

}  // namespace r1
