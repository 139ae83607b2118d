// Mtp: a multi-token-prediction layer (model.md 6): one more decoder layer that sees the main model's state and the
// next token.
#pragma once

#include "models/layer.h"

namespace r1 {

class Mtp {
 public:
  // Binds layer `index` = config.layers + depth. Embedding and head are the main model's; their copies are left out.
  Mtp(WeightBinder& weights, int index, const ModelConfig& config, const DecoderOptions& options);

  // hidden [n, d] and the embedded next tokens [n, d] -> shared_head.norm(g) [n, d].
  Tensor forward(Pass& pass, Tensor hidden, Tensor embedded, Places& places) const;

 private:
  RmsNorm embedding_norm_, hidden_norm_, head_norm_;
  Linear join_;  // eh_proj: embedding half first
  Layer layer_;
};

}  // namespace r1
