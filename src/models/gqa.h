// Gqa: grouped-query attention of llama, qwen2 (biases) and qwen3 (q and k norms): model.md 3.2.
#pragma once

#include <optional>
#include <string>

#include "models/places.h"
#include "models/weights.h"

namespace r1 {

class Gqa {
 public:
  // `prefix`: "model.layers.3.self_attn.".
  Gqa(WeightBinder& weights, const std::string& prefix, const ModelConfig& config);

  // x [n, hidden], normed -> [n, hidden]. `layer`: whose pages.
  Tensor forward(Pass& pass, Tensor x, Places& places, int layer) const;

 private:
  int heads_, kv_heads_;
  float scale_;
  Linear q_, k_, v_, o_;
  std::optional<RmsNorm> q_norm_, k_norm_;
};

}  // namespace r1
