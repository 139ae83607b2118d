// A model's hyperparameters, from GGUF metadata to the hub's config.json (formats.md 3).
#pragma once

#include "base/json.h"
#include "formats/gguf.h"
#include "formats/gguf_names.h"

namespace r1 {

// config.json with the r1_* keys of weight_source.h. Throws Error(kBadModel) that names file, key, what was found and
// what is supported: an unknown architecture, a missing or impossible value, a feature that config.json cannot say.
Json config_from_gguf(const Gguf& gguf);

// generation_config.json from the keys of recommended sampling, and the stop tokens where there are several; an empty
// object where there are none.
Json generation_config_from_gguf(const GgufMetadata& metadata);

// The parts of fused tensors by a config that config_from_gguf made.
FusedParts fused_parts(const Json& config);

}  // namespace r1
