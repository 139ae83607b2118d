// Layer: one block of the decoder: attention and feed-forward, each behind a norm and added to the residual stream.
#pragma once

#include <string>
#include <variant>

#include "models/dense_ffn.h"
#include "models/gqa.h"
#include "models/mla.h"
#include "models/moe_ffn.h"

namespace r1 {

class Layer {
 public:
  // Binds "model.layers.{index}.…"; `index` is also whose pages it uses.
  Layer(WeightBinder& weights, int index, bool moe, const ModelConfig& config, const DecoderOptions& options);

  // x [n, hidden] -> [n, hidden]. Consumes x; everything else it took from the arena is given back.
  Tensor forward(Pass& pass, Tensor x, Places& places) const;

 private:
  int index_;
  RmsNorm attention_norm_, ffn_norm_;
  std::variant<Gqa, Mla> attention_;
  std::variant<DenseFfn, MoeFfn> ffn_;
};

}  // namespace r1
