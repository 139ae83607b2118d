// What can be told about a model without loading it.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "engine/loaded_model.h"

namespace r1 {

struct TypeShare {
  int64_t tensors = 0, numbers = 0, bytes = 0;
};

struct ModelFacts {
  std::map<std::string, TypeShare> types;  // by dtype name
  int64_t tensors = 0, bytes = 0;          // of everything stored
  int64_t bytes_per_token = 0;             // of weights that one decoded token reads
};

ModelFacts facts_of(const WeightSource& source, const ModelConfig& config);

}  // namespace r1
