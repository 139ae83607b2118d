#include "models/decoder.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/log.h"
#include "compute/dry_backend.h"
#include "formats/weight_source.h"
#include "models/layer.h"
#include "models/mtp.h"
#include "models/rotary.h"
#include "models/weights.h"
#include "ops/rows.h"

namespace r1 {
namespace {

// Only where weights are loaded are the numbers known: plans go on with ones.
std::vector<float> rope_divisors(WeightBinder& weights, const RopeConfig& rope) {
  if (rope.scaling != RopeConfig::Scaling::Divisors) return {};
  const std::string name = "rope_freqs.weight";
  const Tensor tensor = weights.vector(name, rope.width / 2);
  if (tensor.empty()) return std::vector<float>(static_cast<size_t>(rope.width / 2), 1.0f);
  std::vector<float> divisors(tensor.f32(), tensor.f32() + tensor.elements());
  for (size_t i = 0; i < divisors.size(); ++i) {
    if (std::isfinite(divisors[i]) && divisors[i] > 0) continue;
    fail(Exit::kBadModel, "{}: tensor '{}' has {} at {}, expected finite numbers above 0", weights.path(), name,
         divisors[i], i);
  }
  return divisors;
}

}  // namespace

// Everything bound, in the order of a walk through the model.
struct Decoder::Weights {
  ModelConfig config;
  DecoderOptions options;
  std::unique_ptr<ModelMemory> memory;  // what `bound` below points into; none where only shapes are bound
  Weight embedding;
  std::vector<Layer> layers;
  RmsNorm final_norm;
  Linear head;
  std::vector<Mtp> mtp;
  Rotary rotary;
  size_t bytes = 0;

  Weights(WeightBinder& weights, const ModelConfig& its_config, const DecoderOptions& its_options)
      : config(its_config), options(its_options), rotary(config.rope, rope_divisors(weights, config.rope)) {
    bind_embedding(weights);
    for (int i = 0; i < config.layers; ++i) {
      layers.emplace_back(weights, i, config.moe_layer[static_cast<size_t>(i)], config, options);
    }
    final_norm = weights.norm("model.norm", config.hidden, config.norm_eps);
    if (!config.tied_head) head = weights.linear("lm_head", config.vocabulary, config.hidden);
    for (int depth = 0; options.mtp && depth < config.mtp_layers; ++depth) bind_mtp(weights, depth);
    bytes = weights.packed_bytes();
  }

  // A tied table is a matrix, too, and packed as one; else rows are looked up where they are stored.
  void bind_embedding(WeightBinder& weights) {
    const std::string name = "model.embed_tokens";
    if (config.tied_head) {
      head = weights.linear(name, config.vocabulary, config.hidden);
      embedding = head.weight;
    } else {
      embedding = weights.table(name, config.vocabulary, config.hidden);
    }
  }

  // A config may promise MTP layers that the files do not have (model.md 8.8).
  void bind_mtp(WeightBinder& weights, int depth) {
    const int index = static_cast<int>(config.layers) + depth;
    if (weights.checks() && !weights.has(fmt::format("model.layers.{}.eh_proj.weight", index))) {
      spdlog::info("multi-token-prediction layer {} is not among the weights", index);
      return;
    }
    mtp.emplace_back(weights, index, config, options);
  }

  Places places(Pass& pass, const Batch& batch) const {
    const Tensor cos_sin = pass.arena.tensor({batch.rows(), config.rope.width});
    rotary.fill(cos_sin, batch.positions);
    const std::span index(pass.arena.tensor({batch.rows()}, DType::I32).i32(), static_cast<size_t>(batch.rows()));
    std::iota(index.begin(), index.end(), 0);
    return {{cos_sin, index, config.rope.pairing}, PagedRows(pass, batch, r1::kv_shape(config, options))};
  }
};

Decoder::Decoder(const WeightSource& source, const ModelConfig& config, Backend& backend, DecoderOptions options,
                 const std::function<void(uint64_t, uint64_t)>& progress) {
  WeightBinder check = WeightBinder::check(source, backend);
  { const Weights checked(check, config, options); }
  check.finish(config);
  auto memory = std::make_unique<ModelMemory>(backend);
  WeightBinder load = WeightBinder::load(source, backend, *memory, check.stored_bytes(), progress);
  weights_ = std::make_unique<Weights>(load, config, options);
  weights_->memory = std::move(memory);
}

Decoder::Decoder(std::unique_ptr<Weights> weights) : weights_(std::move(weights)) {}
Decoder::~Decoder() = default;

const ModelConfig& Decoder::config() const { return weights_->config; }
const DecoderOptions& Decoder::options() const { return weights_->options; }
KvShape Decoder::kv_shape() const { return r1::kv_shape(config(), options()); }
int Decoder::kv_layers() const { return static_cast<int>(weights_->layers.size() + weights_->mtp.size()); }
bool Decoder::has_mtp() const { return !weights_->mtp.empty(); }
size_t Decoder::weight_bytes() const { return weights_->bytes; }

Tensor Decoder::hidden(Pass& pass, const Batch& batch) const {
  batch.check(config().vocabulary);
  Tensor x = embed(pass, weights_->embedding, batch.tokens);
  pass.observe([] { return "embed"; }, x);
  Places places = weights_->places(pass, batch);
  for (const Layer& layer : weights_->layers) x = layer.forward(pass, x, places);
  x = rms_norm(pass, x, weights_->final_norm);
  pass.observe([] { return "final_norm"; }, x);
  return x;
}

Tensor Decoder::logits(Pass& pass, Tensor hidden_rows) const { return linear(pass, hidden_rows, weights_->head); }

Tensor Decoder::forward(Pass& pass, const Batch& batch) const {
  return logits(pass, gather_rows(pass, hidden(pass, batch), batch.wanted));
}

Tensor Decoder::mtp_hidden(Pass& pass, const Batch& batch, Tensor hidden, std::span<const int32_t> next_tokens,
                           int depth) const {
  batch.check(config().vocabulary);
  R1_CHECK(0 <= depth && depth < static_cast<int>(weights_->mtp.size()), "depth {} of {}", depth, weights_->mtp.size());
  R1_CHECK(hidden.rows() == batch.rows() && static_cast<int32_t>(next_tokens.size()) == batch.rows(),
           "{} and {} tokens for {} rows", hidden.shape_text(), next_tokens.size(), batch.rows());
  const Tensor embedded = embed(pass, weights_->embedding, next_tokens);
  Places places = weights_->places(pass, batch);
  return weights_->mtp[static_cast<size_t>(depth)].forward(pass, hidden, embedded, places);
}

// ---- plans ----

KvShape kv_shape(const ModelConfig& config, const DecoderOptions& options) {
  if (!config.is_mla()) return {config.kv_heads, config.head_dim, config.head_dim, false, options.kv_dtype};
  const MlaConfig& mla = config.mla;
  if (options.mla == MlaForm::Absorbed) return {1, mla.kv_lora + mla.rope, mla.kv_lora, true, options.kv_dtype};
  return {config.heads, mla.nope + mla.rope, mla.value, false, options.kv_dtype};
}

int kv_layers(const ModelConfig& config, const DecoderOptions& options) {
  return static_cast<int>(config.layers) + (options.mtp ? config.mtp_layers : 0);
}

size_t planned_weight_bytes(const WeightSource& source, const ModelConfig& config, const Backend& backend,
                            const DecoderOptions& options) {
  WeightBinder check = WeightBinder::check(source, backend);
  const Decoder::Weights checked(check, config, options);
  check.finish(config);
  return check.packed_bytes();
}

PassPlan plan_pass(const ModelConfig& config, const DecoderOptions& options, const Backend& backend, int64_t rows,
                   int64_t positions, int64_t wanted) {
  // Layers give back what they take, so one of each kind says it all.
  ModelConfig small = config;
  small.moe_layer.clear();
  for (const bool moe : {false, true}) {
    if (std::find(config.moe_layer.begin(), config.moe_layer.end(), moe) != config.moe_layer.end()) {
      small.moe_layer.push_back(moe);
    }
  }
  small.layers = static_cast<int64_t>(small.moe_layer.size());
  WeightBinder shapes = WeightBinder::shapes();
  const Decoder decoder(std::make_unique<Decoder::Weights>(shapes, small, options));

  DryBackend dry(backend, positions);
  Arena arena(dry);
  Pass pass{.backend = dry, .arena = arena, .precision = options.precision};
  Batch batch;
  const std::vector<int32_t> ids(static_cast<size_t>(rows), 0);
  batch.append(ids, 0, {}, static_cast<int32_t>(wanted));
  decoder.forward(pass, batch);
  return {arena.peak(), dry.scratch()};
}

}  // namespace r1
