// WeightSource: the stored tensors of one model, by the hub's names, whatever the files are (safetensors, GGUF; one or
// many).
//
// GGUF names, fused tensors (attn_qkv, ffn_gate_up_exps) and stacked experts are translated here: models/ asks for hub
// names such as "model.layers.3.mlp.experts.7.gate_proj.weight" and gets a view. Two things stay as the file has them
// and are told in config() instead: llama's interleaved rows (rope pairing), and MLA's kv_b in two parts, which go by
// the names "…self_attn.k_b_proj.weight" [heads, kv_lora, nope] and "…self_attn.v_b_proj.weight" [heads, v, kv_lora]
// (formats.md 4.3).
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "tensor/tensor.h"

namespace r1 {

struct StoredTensor {
  Tensor values;     // points into a mapping that lives as long as the source
  std::string file;  // for messages
  std::string name;  // as the file has it, for messages
};

class WeightSource {
 public:
  virtual ~WeightSource() = default;

  virtual std::vector<std::string> names() const = 0;  // hub names, sorted
  virtual std::optional<StoredTensor> find(std::string_view hub_name) const = 0;

  // The model's config.json; for GGUF the same made from its metadata, plus the keys of our own below.
  //   "r1_rope_pairing":    "interleaved" | "half"   how the stored q and k rows pair (absent: by model_type)
  //   "r1_inner_norm_eps":  epsilon of q_a_layernorm and kv_a_layernorm (absent: 1e-6, as the hub's code has it)
  //   "r1_kv_b_split":      true where k_b_proj and v_b_proj replace kv_b_proj
  //   "r1_mscale_softmax":  m of the MLA softmax scale where the file states it apart from the cos/sin factor
  //   "r1_rope_divisors":   true where a tensor "rope_freqs.weight" divides the frequencies
  virtual const Json& config() const = 0;
  virtual const Json& generation_config() const = 0;  // an empty object where there is none
  virtual std::string license() const = 0;            // what the files say, or ""
  virtual std::string path() const = 0;               // for messages

  // These bytes will not be read again soon (they were packed): clean pages may leave memory.
  virtual void forget(const Tensor& values) const = 0;
};

// A hub folder or a .gguf file (any part of a split one) -> its source. Every header is validated; throws
// Error(kNotFound or kBadModel).
std::unique_ptr<WeightSource> open_source(const std::filesystem::path& model);

}  // namespace r1
