#include "models/mtp.h"

#include "ops/rows.h"

namespace r1 {
namespace {

std::string prefix(int index) { return fmt::format("model.layers.{}.", index); }

}  // namespace

Mtp::Mtp(WeightBinder& weights, int index, const ModelConfig& config, const DecoderOptions& options)
    : embedding_norm_(weights.norm(prefix(index) + "enorm", config.hidden, config.norm_eps)),
      hidden_norm_(weights.norm(prefix(index) + "hnorm", config.hidden, config.norm_eps)),
      head_norm_(weights.norm(prefix(index) + "shared_head.norm", config.hidden, config.norm_eps)),
      join_(weights.linear(prefix(index) + "eh_proj", config.hidden, 2 * config.hidden)),
      layer_(weights, index, /*moe=*/config.router.experts > 0, config, options) {
  weights.skip(prefix(index) + "embed_tokens.weight");
  weights.skip(prefix(index) + "shared_head.head.weight");
}

Tensor Mtp::forward(Pass& pass, Tensor hidden, Tensor embedded, Places& places) const {
  const int64_t n = hidden.rows(), d = hidden.cols();
  const Tensor joined = pass.arena.tensor({n, 2 * d});
  copy_rows(pass, joined.slice_cols(0, d), rms_norm(pass, embedded, embedding_norm_));
  copy_rows(pass, joined.slice_cols(d, 2 * d), rms_norm(pass, hidden, hidden_norm_));
  return rms_norm(pass, layer_.forward(pass, linear(pass, joined, join_), places), head_norm_);
}

}  // namespace r1
