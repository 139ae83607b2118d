#include "models/mla.h"

#include "ops/rows.h"

namespace r1 {

Mla::Mla(WeightBinder& weights, const std::string& prefix, const ModelConfig& config, const DecoderOptions& options)
    : widths_(config.mla), heads_(config.heads), scale_(config.attention_scale), form_(options.mla) {
  const MlaConfig& w = widths_;
  const int64_t q_width = int64_t{heads_} * (w.nope + w.rope);
  if (w.q_lora > 0) {
    q_a_ = weights.linear(prefix + "q_a_proj", w.q_lora, config.hidden);
    q_a_norm_ = weights.norm(prefix + "q_a_layernorm", w.q_lora, w.inner_norm_eps);
    q_b_ = weights.linear(prefix + "q_b_proj", q_width, w.q_lora);
  } else {
    q_ = weights.linear(prefix + "q_proj", q_width, config.hidden);
  }
  kv_a_ = weights.linear(prefix + "kv_a_proj_with_mqa", w.kv_lora + w.rope, config.hidden);
  kv_a_norm_ = weights.norm(prefix + "kv_a_layernorm", w.kv_lora, w.inner_norm_eps);
  const DType decoded = options.precision == Precision::Exact ? DType::F32 : DType::BF16;
  if (form_ == MlaForm::Expanded) {
    bind_expanded(weights, prefix, decoded);
  } else {
    bind_absorbed(weights, prefix, decoded);
  }
  o_ = weights.linear(prefix + "o_proj", config.hidden, int64_t{heads_} * w.value);
}

void Mla::bind_expanded(WeightBinder& weights, const std::string& prefix, DType decoded) {
  const MlaConfig& w = widths_;
  if (!w.kv_b_split) {
    kv_b_ = weights.linear(prefix + "kv_b_proj", int64_t{heads_} * (w.nope + w.value), w.kv_lora);
    return;
  }
  const Weight k_b = weights.stored_heads(prefix + "k_b_proj", heads_, w.kv_lora, w.nope);
  const Weight v_b = weights.stored_heads(prefix + "v_b_proj", heads_, w.value, w.kv_lora);
  k_up_ = weights.transposed(k_b, 0, w.kv_lora, w.kv_lora, heads_, decoded);
  v_up_ = weights.rows(v_b, 0, v_b.rows, decoded);
  weights.done_with(k_b);
  weights.done_with(v_b);
}

void Mla::bind_absorbed(WeightBinder& weights, const std::string& prefix, DType decoded) {
  const MlaConfig& w = widths_;
  if (w.kv_b_split) {
    const Weight k_b = weights.stored_heads(prefix + "k_b_proj", heads_, w.kv_lora, w.nope);
    const Weight v_b = weights.stored_heads(prefix + "v_b_proj", heads_, w.value, w.kv_lora);
    for (int64_t h = 0; h < heads_; ++h) {
      k_in_.push_back(weights.rows(k_b, h * w.kv_lora, (h + 1) * w.kv_lora, decoded));
      v_out_.push_back(weights.rows(v_b, h * w.value, (h + 1) * w.value, decoded));
    }
    weights.done_with(k_b);
    weights.done_with(v_b);
    return;
  }
  const int64_t stride = w.nope + w.value;
  const Weight kv_b = weights.stored(prefix + "kv_b_proj", heads_ * stride, w.kv_lora);
  for (int64_t h = 0; h < heads_; ++h) {
    k_in_.push_back(weights.transposed(kv_b, h * stride, w.nope, stride, 1, decoded));
    v_out_.push_back(weights.rows(kv_b, h * stride + w.nope, (h + 1) * stride, decoded));
  }
  weights.done_with(kv_b);
}

Tensor Mla::query(Pass& pass, Tensor x, const Places& places) const {
  const Tensor q =
      widths_.q_lora > 0 ? linear(pass, rms_norm(pass, linear(pass, x, q_a_), q_a_norm_), q_b_) : linear(pass, x, q_);
  rope(pass, q, places.rotation, heads_);
  return q;
}

Tensor Mla::forward(Pass& pass, Tensor x, Places& places, int layer) const {
  const Tensor q = query(pass, x, places);
  const Tensor kv = linear(pass, x, kv_a_);  // [n, kv_lora + rope]
  rope(pass, kv, places.rotation, 1);
  const Tensor latent = rms_norm(pass, kv.slice_cols(0, widths_.kv_lora), kv_a_norm_);
  const Tensor k_pe = kv.slice_cols(widths_.kv_lora, kv.cols());
  pass.observe([&] { return fmt::format("layer{}.latent", layer); }, latent);
  pass.observe([&] { return fmt::format("layer{}.k_pe", layer); }, k_pe);
  const Tensor out = form_ == MlaForm::Expanded ? attend_expanded(pass, q, latent, k_pe, places, layer)
                                                : attend_absorbed(pass, q, latent, k_pe, places, layer);
  return linear(pass, out, o_);
}

Tensor Mla::attend_expanded(Pass& pass, Tensor q, Tensor latent, Tensor k_pe, Places& places, int layer) const {
  const MlaConfig& w = widths_;
  const int64_t n = latent.rows(), pairs = n * heads_;
  const Tensor keys = pass.arena.tensor({pairs, w.nope + w.rope});
  copy_rows(pass, keys.slice_cols(w.nope, keys.cols()), k_pe);
  Tensor values;
  if (w.kv_b_split) {
    auto [k, v] = linears(pass, latent, k_up_, v_up_);
    copy_rows(pass, keys.slice_cols(0, w.nope), k.reshape({pairs, w.nope}));
    values = v;
  } else {
    const Tensor kv = linear(pass, latent, kv_b_).reshape({pairs, w.nope + w.value});
    values = pass.arena.tensor({pairs, w.value});
    copy_rows(pass, keys.slice_cols(0, w.nope), kv.slice_cols(0, w.nope));
    copy_rows(pass, values, kv.slice_cols(w.nope, kv.cols()));
  }
  return attention(pass, q, keys.reshape({n, heads_ * keys.cols()}), values.reshape({n, int64_t{heads_} * w.value}),
                   heads_, scale_, places.pages, layer);
}

Tensor Mla::attend_absorbed(Pass& pass, Tensor q, Tensor latent, Tensor k_pe, Places& places, int layer) const {
  const MlaConfig& w = widths_;
  const int64_t n = latent.rows(), width = w.kv_lora + w.rope;
  const Tensor query = pass.arena.tensor({n, heads_ * width});
  head_linears(pass, query, q, k_in_);
  copy_rows(pass, query.reshape({n * heads_, width}).slice_cols(w.kv_lora, width),
            q.reshape({n * heads_, w.nope + w.rope}).slice_cols(w.nope, w.nope + w.rope));
  const Tensor keys = pass.arena.tensor({n, width});
  copy_rows(pass, keys.slice_cols(0, w.kv_lora), latent);
  copy_rows(pass, keys.slice_cols(w.kv_lora, width), k_pe);
  const Tensor latents = attention(pass, query, keys, {}, heads_, scale_, places.pages, layer);  // [n, heads * kv_lora]
  const Tensor out = pass.arena.tensor({n, int64_t{heads_} * w.value});
  head_linears(pass, out, latents, v_out_);
  return out;
}

}  // namespace r1
