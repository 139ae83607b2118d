#include "formats/gguf_names.h"

#include <charconv>

#include "base/error.h"

namespace r1 {
namespace {

struct NamePair {
  std::string_view gguf, hub;
};

// Stems; ".weight" or ".bias" follows on both sides.
constexpr NamePair kModelNames[] = {
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.norm"},
    {"output", "lm_head"},
};

constexpr NamePair kLayerNames[] = {
    {"attn_norm", "input_layernorm"},
    {"ffn_norm", "post_attention_layernorm"},
    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"attn_q_norm", "self_attn.q_norm"},
    {"attn_k_norm", "self_attn.k_norm"},
    {"attn_q_a", "self_attn.q_a_proj"},
    {"attn_q_a_norm", "self_attn.q_a_layernorm"},
    {"attn_q_b", "self_attn.q_b_proj"},
    {"attn_kv_a_mqa", "self_attn.kv_a_proj_with_mqa"},
    {"attn_kv_a_norm", "self_attn.kv_a_layernorm"},
    {"attn_kv_b", "self_attn.kv_b_proj"},
    {"attn_k_b", "self_attn.k_b_proj"},
    {"attn_v_b", "self_attn.v_b_proj"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
    {"ffn_gate_inp", "mlp.gate"},
    {"ffn_gate_shexp", "mlp.shared_experts.gate_proj"},
    {"ffn_up_shexp", "mlp.shared_experts.up_proj"},
    {"ffn_down_shexp", "mlp.shared_experts.down_proj"},
    {"nextn.eh_proj", "eh_proj"},
    {"nextn.embed_tokens", "embed_tokens"},
    {"nextn.enorm", "enorm"},
    {"nextn.hnorm", "hnorm"},
    {"nextn.shared_head_head", "shared_head.head"},
    {"nextn.shared_head_norm", "shared_head.norm"},
};

// Stacks [experts, out, in]; on the hub's side "mlp.experts.N." stands before.
constexpr NamePair kExpertNames[] = {
    {"ffn_gate_exps", "gate_proj"},
    {"ffn_up_exps", "up_proj"},
    {"ffn_down_exps", "down_proj"},
};

// The one pair of names whose endings differ.
constexpr NamePair kRouterBias = {"exp_probs_b.bias", "mlp.gate.e_score_correction_bias"};

constexpr std::string_view kExperts = "mlp.experts.";

// "attn_q.weight" -> "attn_q" and ".weight".
std::pair<std::string_view, std::string_view> split_ending(std::string_view name) {
  const size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? std::pair{name, std::string_view{}}
                                       : std::pair{name.substr(0, dot), name.substr(dot)};
}

template <size_t N>
std::string_view hub_stem(const NamePair (&pairs)[N], std::string_view gguf) {
  for (const NamePair& pair : pairs) {
    if (pair.gguf == gguf) return pair.hub;
  }
  return {};
}

template <size_t N>
std::string_view gguf_stem(const NamePair (&pairs)[N], std::string_view hub) {
  for (const NamePair& pair : pairs) {
    if (pair.hub == hub) return pair.gguf;
  }
  return {};
}

// "12.rest" -> 12 and "rest"; no leading zeros, so that a name has one spelling.
std::optional<LayerName> leading_number(std::string_view text) {
  int64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const size_t digits = static_cast<size_t>(end - text.data());
  if (problem != std::errc{} || number < 0 || number > INT32_MAX || digits == text.size() || *end != '.')
    return std::nullopt;
  if (text[0] == '-' || (text[0] == '0' && digits > 1)) return std::nullopt;
  return LayerName{number, text.substr(digits + 1)};
}

// Rows [begin, begin + rows) of a dense matrix, or numbers of a vector.
Tensor part_of(const Tensor& whole, int64_t begin, int64_t rows) {
  if (whole.rank() == 1) {
    return Tensor(whole.data() + begin * block_bytes(whole.dtype()), whole.dtype(), {rows});
  }
  return Tensor(whole.row(begin), whole.dtype(), {rows, whole.cols()});
}

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

NamedTensors split_qkv(std::string_view gguf_name, const std::string& layer, std::string_view ending,
                       const Tensor& values, const FusedParts& fused, const std::string& file) {
  const bool vector = values.rank() == 1;
  const int64_t rows = vector ? values.cols() : values.rows();
  if (values.rank() > 2 || rows != fused.q + fused.k + fused.v || (vector && block_elements(values.dtype()) != 1)) {
    fail(Exit::kBadModel, "{}: tensor '{}' is {}, expected {} + {} + {} rows of q, k and v", file, gguf_name,
         values.shape_text(), fused.q, fused.k, fused.v);
  }
  const auto name = [&](char which) { return fmt::format("{}self_attn.{}_proj{}", layer, which, ending); };
  return {{name('q'), part_of(values, 0, fused.q)},
          {name('k'), part_of(values, fused.q, fused.k)},
          {name('v'), part_of(values, fused.q + fused.k, fused.v)}};
}

// `hub_stems`: what stands in the rows of each expert, one after another in equal parts.
NamedTensors split_experts(std::string_view gguf_name, const std::string& layer,
                           std::initializer_list<std::string_view> hub_stems, std::string_view ending,
                           const Tensor& values, const FusedParts& fused, const std::string& file) {
  const int64_t parts = static_cast<int64_t>(hub_stems.size());
  if (values.rank() != 3 || values.extent(1) % parts != 0) {
    fail(Exit::kBadModel, "{}: tensor '{}' is {}, expected three extents (experts, rows{}, columns)", file, gguf_name,
         values.shape_text(), parts == 2 ? " of gate and up" : "");
  }
  if (values.extent(0) != fused.experts) {  // each becomes a name: their number must not be the tensor's own claim
    fail(Exit::kBadModel, "{}: tensor '{}' is {}: {} experts, where the metadata says {}", file, gguf_name,
         values.shape_text(), values.extent(0), fused.experts);
  }
  const int64_t rows = values.extent(1) / parts;
  NamedTensors tensors;
  for (int64_t expert = 0; expert < values.extent(0); ++expert) {
    int64_t begin = expert * values.extent(1);
    for (const std::string_view stem : hub_stems) {
      tensors.emplace_back(fmt::format("{}{}{}.{}{}", layer, kExperts, expert, stem, ending),
                           part_of(values, begin, rows));
      begin += rows;
    }
  }
  return tensors;
}

}  // namespace

std::optional<LayerName> split_layer(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  return leading_number(name.substr(prefix.size()));
}

NamedTensors hub_tensors(std::string_view gguf_name, const Tensor& values, const FusedParts& fused,
                         const std::string& file) {
  const auto itself = [&](std::string name) { return NamedTensors{{std::move(name), values}}; };
  const auto in_layer = split_layer(gguf_name, kGgufLayer);
  if (!in_layer) {
    const auto [stem, ending] = split_ending(gguf_name);
    const std::string_view hub = hub_stem(kModelNames, stem);
    return itself(hub.empty() ? std::string(gguf_name) : fmt::format("{}{}", hub, ending));
  }
  const std::string layer = fmt::format("{}{}.", kHubLayer, in_layer->layer);
  if (in_layer->rest == kRouterBias.gguf) return itself(layer + std::string(kRouterBias.hub));
  const auto [stem, ending] = split_ending(in_layer->rest);
  if (const auto hub = hub_stem(kLayerNames, stem); !hub.empty())
    return itself(fmt::format("{}{}{}", layer, hub, ending));
  if (const auto hub = hub_stem(kExpertNames, stem); !hub.empty()) {
    return split_experts(gguf_name, layer, {hub}, ending, values, fused, file);
  }
  if (stem == "ffn_gate_up_exps")
    return split_experts(gguf_name, layer, {"gate_proj", "up_proj"}, ending, values, fused, file);
  if (stem == "attn_qkv" && fused.q > 0) return split_qkv(gguf_name, layer, ending, values, fused, file);
  return itself(std::string(gguf_name));
}

std::optional<GgufPlace> gguf_place(std::string_view hub_name) {
  // What is called otherwise has no place: of the scales of FP8 weights, which are read with those, none is left over.
  if (!hub_name.ends_with(".weight") && !hub_name.ends_with(".bias") && !hub_name.ends_with(kRouterBias.hub))
    return std::nullopt;
  const auto in_layer = split_layer(hub_name, kHubLayer);
  if (!in_layer) {
    const auto [stem, ending] = split_ending(hub_name);
    const std::string_view gguf = gguf_stem(kModelNames, stem);
    if (gguf.empty()) return std::nullopt;
    return GgufPlace{fmt::format("{}{}", gguf, ending)};
  }
  const std::string layer = fmt::format("{}{}.", kGgufLayer, in_layer->layer);
  if (in_layer->rest == kRouterBias.hub) return GgufPlace{layer + std::string(kRouterBias.gguf)};
  if (in_layer->rest.starts_with(kExperts)) {
    const auto expert = leading_number(in_layer->rest.substr(kExperts.size()));
    if (!expert) return std::nullopt;
    const auto [stem, ending] = split_ending(expert->rest);
    const std::string_view gguf = gguf_stem(kExpertNames, stem);
    if (gguf.empty()) return std::nullopt;
    return GgufPlace{fmt::format("{}{}{}", layer, gguf, ending), expert->layer};
  }
  const auto [stem, ending] = split_ending(in_layer->rest);
  const std::string_view gguf = gguf_stem(kLayerNames, stem);
  if (gguf.empty() || stem == "self_attn.kv_b_proj") return std::nullopt;
  return GgufPlace{fmt::format("{}{}{}", layer, gguf, ending)};
}

}  // namespace r1
