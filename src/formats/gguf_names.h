// The two columns of tensor names, GGUF's and the hub's (formats.md 4.1), and what one GGUF tensor is in hub tensors:
// itself under another name, rows of a fused matrix, or one expert of a stack.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace r1 {

// Before the number of a layer.
inline constexpr std::string_view kHubLayer = "model.layers.", kGgufLayer = "blk.";

// What a config says of tensors that hold several: rows of q, k and v in a fused attn_qkv (all zero where the
// architecture has no such matrix), experts in a stack.
struct FusedParts {
  int64_t q = 0, k = 0, v = 0, experts = 0;
};

// The hub tensors (name and view) that a GGUF tensor holds. A name in neither column stands for itself:
// "rope_freqs.weight", or one that nobody asks for and a loader reports. Throws Error(kBadModel), naming `file` and
// tensor, where the shape does not fit a stack or a fused matrix.
std::vector<std::pair<std::string, Tensor>> hub_tensors(std::string_view gguf_name, const Tensor& values,
                                                        const FusedParts& fused, const std::string& file);

// Where a hub tensor goes in a GGUF file.
struct GgufPlace {
  std::string name;
  int64_t expert = -1;  // index in a stack of experts, or -1
};
// Nothing for a name that has no place: kv_b_proj is split by whoever converts, rotary_emb.inv_freq is not stored.
std::optional<GgufPlace> gguf_place(std::string_view hub_name);

// "model.layers.12.mlp.gate.weight" -> 12 and "mlp.gate.weight"; "blk.12.ffn_norm.weight" likewise.
struct LayerName {
  int64_t layer;
  std::string_view rest;
};
std::optional<LayerName> split_layer(std::string_view name, std::string_view prefix);

}  // namespace r1
