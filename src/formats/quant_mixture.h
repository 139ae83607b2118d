// Which type each tensor of a GGUF file gets when a whole model is asked for in one type (formats.md 4.4).
#pragma once

#include <cstdint>
#include <string_view>

#include "tensor/dtype.h"

namespace r1 {

struct TensorRole {
  std::string_view name;  // GGUF's
  int rank = 0;
  int64_t columns = 0;
  int64_t layer = -1;  // -1: of no layer
  int64_t layers = 0;  // of the model
  bool head = false;   // makes the logits: output, or the embedding that is tied to it
};

// F32 for vectors, norms and routers; Q4_K means the usual M mixture, with Q6_K where it matters most. A type whose
// blocks do not fit the columns falls back: Q4_K to Q5_0, Q6_K to Q8_0, all to F16.
DType type_in_mixture(DType wanted, const TensorRole& role);

// general.file_type of a model in this type.
uint32_t gguf_file_type(DType wanted);

// Types that a model can be asked for in.
bool is_gguf_target(DType dtype);

}  // namespace r1
