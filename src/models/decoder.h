// Decoder: one transformer for llama, qwen2, qwen3, qwen3_moe, deepseek_v2 and deepseek_v3 (R1): embed, blocks, norm,
// head. Two kinds of attention (gqa, mla) and two kinds of FFN (dense, moe), chosen by the config; the mathematics is
// model.md 3. Weights are read, never written. One thread at a time runs a pass.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "compute/backend.h"
#include "models/config.h"
#include "models/decoder_options.h"
#include "ops/batch.h"
#include "ops/pass.h"
#include "tensor/tensor.h"

namespace r1 {

class WeightSource;

// What one layer of such a decoder keeps per position, and how many layers keep pages.
KvShape kv_shape(const ModelConfig& config, const DecoderOptions& options);
int kv_layers(const ModelConfig& config, const DecoderOptions& options);

// Plans, before anything is loaded. Weights: as packed by this backend, plus what is decoded; throws as the constructor
// does. A pass: a forward() of `rows` rows, of sequences of up to `positions` positions, of which `wanted` want logits;
// pages of a pass without cache apart.
struct PassPlan {
  size_t activations = 0;  // of its arena
  ScratchBytes scratch;    // of its kernels
};
size_t planned_weight_bytes(const WeightSource& source, const ModelConfig& config, const Backend& backend,
                            const DecoderOptions& options);
PassPlan plan_pass(const ModelConfig& config, const DecoderOptions& options, const Backend& backend, int64_t rows,
                   int64_t positions, int64_t wanted);

class Decoder {
 public:
  // Binds and packs every weight; `progress(done, total)` in bytes. Throws Error(kBadModel) for a missing, surplus or
  // misshapen tensor, naming file, tensor, what was found and what was expected, before any weight is read. Source and
  // backend must outlive the decoder: tables, and what a backend does not pack, stay where they are mapped.
  Decoder(const WeightSource& source, const ModelConfig& config, Backend& backend, DecoderOptions options,
          const std::function<void(uint64_t done, uint64_t total)>& progress = {});
  ~Decoder();

  const ModelConfig& config() const;
  const DecoderOptions& options() const;
  KvShape kv_shape() const;  // per layer
  int kv_layers() const;     // layers that keep pages: the main ones, then the MTP layers if bound

  // The state of every row after model.norm, F32 [rows, hidden].
  Tensor hidden(Pass& pass, const Batch& batch) const;
  // Logits of rows of a hidden state, F32 [rows, vocabulary].
  Tensor logits(Pass& pass, Tensor hidden_rows) const;
  // hidden(), then logits() of the batch's wanted rows.
  Tensor forward(Pass& pass, const Batch& batch) const;

  // Multi-token prediction (model.md 6): row i combines `hidden` row i (after model.norm, or a normed g for chained
  // drafts) with the embedding of next_tokens[i]. Returns shared_head.norm(g), F32 [rows, hidden]; logits() of it
  // predict the token after next. Needs options().mtp and a config with MTP layers.
  Tensor mtp_hidden(Pass& pass, const Batch& batch, Tensor hidden, std::span<const int32_t> next_tokens,
                    int depth = 0) const;
  bool has_mtp() const;

  size_t weight_bytes() const;  // as packed, without what stays mapped

 private:
  struct Weights;
  explicit Decoder(std::unique_ptr<Weights> weights);
  friend size_t planned_weight_bytes(const WeightSource&, const ModelConfig&, const Backend&, const DecoderOptions&);
  friend PassPlan plan_pass(const ModelConfig&, const DecoderOptions&, const Backend&, int64_t, int64_t, int64_t);

  std::unique_ptr<Weights> weights_;
};

}  // namespace r1
