// DecoderOptions: how a decoder computes, where that is a choice.
#pragma once

#include <cstdint>

#include "compute/backend.h"

namespace r1 {

// The two equal forms of MLA (model.md 3.7). Expanded: keys and values of every head on the pages. Absorbed: the latent
// alone.
enum class MlaForm : uint8_t { Expanded, Absorbed };

struct DecoderOptions {
  Precision precision = Precision::Fast;  // Exact: F32 pages, MLA expanded
  DType kv_dtype = DType::BF16;           // of the pages; F32 when exact
  MlaForm mla = MlaForm::Absorbed;        // Expanded when exact
  bool mtp = false;                       // bind the multi-token-prediction layers
  static DecoderOptions exact() { return {Precision::Exact, DType::F32, MlaForm::Expanded, false}; }
};

}  // namespace r1
