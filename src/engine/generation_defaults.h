// What a model's files say about generating: how to sample, and where an answer ends.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/request.h"
#include "formats/weight_source.h"
#include "text/tokenizer.h"

namespace r1 {

// generation_config, else DeepSeek's recommendation (usage.md 1.1). Throws Error(kBadModel) for numbers that cannot be.
Sampling default_sampling(const WeightSource& source);

// Those of config, generation_config and tokenizer (tokenizer.md 3.5) that are below `vocabulary`, ascending.
std::vector<int32_t> end_ids(const WeightSource& source, const Tokenizer& tokenizer, int64_t vocabulary);

}  // namespace r1
