#include "cli/model_facts.h"

namespace r1 {
namespace {

// N of "model.layers.N.…", or -1.
int64_t layer_of(std::string_view name) {
  constexpr std::string_view kPrefix = "model.layers.";
  if (!name.starts_with(kPrefix)) return -1;
  int64_t layer = 0;
  for (const char c : name.substr(kPrefix.size())) {
    if (c < '0' || c > '9' || layer > (int64_t{1} << 30)) break;
    layer = layer * 10 + (c - '0');
  }
  return layer;
}

// Of a matrix of weights with experts only the chosen ones are read; of the embedding one row, unless it is the head,
// too.
double part_read(std::string_view name, const Tensor& values, const ModelConfig& config) {
  if (layer_of(name) >= config.layers) return 0;  // multi-token prediction
  if (name.starts_with("model.embed_tokens.") && !config.tied_head)
    return 1.0 / static_cast<double>(std::max<int64_t>(1, values.rows()));
  if (name.find(".mlp.experts.") != std::string_view::npos && config.router.experts > 0) {
    return static_cast<double>(config.router.chosen) / config.router.experts;
  }
  return 1;
}

}  // namespace

ModelFacts facts_of(const WeightSource& source, const ModelConfig& config) {
  ModelFacts facts;
  double read = 0;
  for (const std::string& tensor_name : source.names()) {
    const std::optional<StoredTensor> stored = source.find(tensor_name);
    if (!stored) continue;
    const Tensor& values = stored->values;
    TypeShare& share = facts.types[std::string(name(values.dtype()))];
    ++share.tensors;
    share.numbers += values.elements();
    share.bytes += values.bytes();
    ++facts.tensors;
    facts.bytes += values.bytes();
    read += part_read(tensor_name, values, config) * static_cast<double>(values.bytes());
  }
  facts.bytes_per_token = static_cast<int64_t>(read);
  return facts;
}

}  // namespace r1
