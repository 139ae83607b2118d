// Mla: multi-head latent attention of deepseek_v2 and deepseek_v3 (model.md 3.7), in two forms of the same mathematics.
//
// Expanded: keys and values of every head are computed from the latent when a row passes, and lie on the pages.
// Absorbed: the pages hold the latent and the one rotary key; queries are carried into the latent's space, results out
// of it. Nothing outside knows which.
#pragma once

#include <string>
#include <vector>

#include "models/decoder_options.h"
#include "models/places.h"
#include "models/weights.h"

namespace r1 {

class Mla {
 public:
  // `prefix`: "model.layers.3.self_attn.". Where the form needs a part of kv_b transposed, that part is decoded and
  // kept as F32 (exact) or BF16; everything else stays as stored.
  Mla(WeightBinder& weights, const std::string& prefix, const ModelConfig& config, const DecoderOptions& options);

  // x [n, hidden], normed -> [n, hidden]. `layer`: whose pages.
  Tensor forward(Pass& pass, Tensor x, Places& places, int layer) const;

 private:
  void bind_expanded(WeightBinder& weights, const std::string& prefix, DType decoded);
  void bind_absorbed(WeightBinder& weights, const std::string& prefix, DType decoded);
  Tensor query(Pass& pass, Tensor x, const Places& places) const;
  Tensor attend_expanded(Pass& pass, Tensor q, Tensor latent, Tensor k_pe, Places& places, int layer) const;
  Tensor attend_absorbed(Pass& pass, Tensor q, Tensor latent, Tensor k_pe, Places& places, int layer) const;

  MlaConfig widths_;
  int heads_;
  float scale_;
  MlaForm form_;
  Linear q_, q_a_, q_b_, kv_a_, o_;  // q_, or q_a_ and q_b_
  RmsNorm q_a_norm_, kv_a_norm_;
  Linear kv_b_;         // expanded: [heads * (nope + value), kv_lora]; empty where the file has it in two parts:
  Linear k_up_, v_up_;  // [heads * nope, kv_lora], [heads * value, kv_lora]
  std::vector<Linear> k_in_, v_out_;  // absorbed, per head: nope -> kv_lora, kv_lora -> value
};

}  // namespace r1
