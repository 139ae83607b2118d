#include "models/layer.h"

#include "ops/activation.h"

namespace r1 {
namespace {

std::string layer_prefix(int index) { return fmt::format("model.layers.{}.", index); }

std::variant<Gqa, Mla> bind_attention(WeightBinder& weights, int index, const ModelConfig& config,
                                      const DecoderOptions& options) {
  const std::string prefix = layer_prefix(index) + "self_attn.";
  if (config.is_mla()) return Mla(weights, prefix, config, options);
  return Gqa(weights, prefix, config);
}

std::variant<DenseFfn, MoeFfn> bind_ffn(WeightBinder& weights, int index, bool moe, const ModelConfig& config) {
  const std::string prefix = layer_prefix(index) + "mlp.";
  if (moe) return MoeFfn(weights, prefix, config);
  return DenseFfn(weights, prefix, config.hidden, config.dense_ffn);
}

}  // namespace

Layer::Layer(WeightBinder& weights, int index, bool moe, const ModelConfig& config, const DecoderOptions& options)
    : index_(index),
      attention_norm_(weights.norm(layer_prefix(index) + "input_layernorm", config.hidden, config.norm_eps)),
      ffn_norm_(weights.norm(layer_prefix(index) + "post_attention_layernorm", config.hidden, config.norm_eps)),
      attention_(bind_attention(weights, index, config, options)),
      ffn_(bind_ffn(weights, index, moe, config)) {}

Tensor Layer::forward(Pass& pass, Tensor x, Places& places) const {
  {
    const Scratch scratch(pass);
    const Tensor normed = rms_norm(pass, x, attention_norm_);
    pass.observe([&] { return fmt::format("layer{}.input_norm", index_); }, normed);
    const Tensor out = std::visit([&](const auto& a) { return a.forward(pass, normed, places, index_); }, attention_);
    pass.observe([&] { return fmt::format("layer{}.attn_out", index_); }, out);
    x = add(pass, x, out);
  }
  {
    const Scratch scratch(pass);
    const Tensor normed = rms_norm(pass, x, ffn_norm_);
    if (const auto* dense = std::get_if<DenseFfn>(&ffn_)) {
      x = dense->forward(pass, x, normed);
    } else {
      x = std::get<MoeFfn>(ffn_).forward(pass, x, normed, index_);
    }
  }
  pass.observe([&] { return fmt::format("layer{}.out", index_); }, x);
  return x;
}

}  // namespace r1
