// A model's hyperparameters, from the hub's config.json to GGUF metadata (formats.md 3): the way back from
// gguf_config.h.
#pragma once

#include <string>

#include "base/json.h"
#include "formats/gguf_writer.h"

namespace r1 {

// Key of our own: the epsilon of MLA's inner norms, which GGUF has no key for. Written only where it differs from the
// one epsilon that other engines use for all norms.
inline constexpr const char* kInnerNormKey = "r1.inner_norm_eps";

// Tokens that end an answer, at most one under each key; the hub has a list, "eos_token_id".
inline constexpr const char* kStopKeys[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                                            "tokenizer.ggml.eom_token_id"};

// What a convert learns from a config.json.
struct Hyperparameters {
  std::string architecture;  // GGUF's: "llama", "deepseek2", …
  GgufPairs pairs;           // "{architecture}.…"
  bool mla = false;
  int64_t layers = 0, heads = 0, kv_heads = 0, head_dim = 0;
  int64_t nope = 0, rope = 0, value = 0, kv_lora = 0;  // MLA
  int64_t experts = 0;
  bool tied = false;
  Json rope_scaling;  // null where there is none; the kind is under "rope_type"
  double rope_theta = 10000;
};

// `mtp_layers`: how many MTP layers the weights really have. Throws Error(kBadModel) that names `file` and field for
// what is missing, and for what GGUF engines cannot do: routers without normalisation in qwen3_moe, unknown scalings.
Hyperparameters hyperparameters_of(const Json& config, int64_t mtp_layers, const std::string& file);

}  // namespace r1
