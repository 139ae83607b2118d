// rms_norm: every row divided by its root mean square, times a gain (model.md 3.1).
#pragma once

#include "ops/pass.h"
#include "tensor/tensor.h"

namespace r1 {

struct RmsNorm {
  Tensor gain;  // F32 [width]
  float eps = 1e-6f;
};

// x [n, width] -> [n, width].
Tensor rms_norm(Pass& pass, Tensor x, const RmsNorm& norm);

// The same head by head: x [n, heads * width], the gain shared by all heads.
Tensor head_rms_norm(Pass& pass, Tensor x, const RmsNorm& norm);

}  // namespace r1
