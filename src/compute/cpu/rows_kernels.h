// The inner loops of row operations (rows.inc.h): one row, contiguous numbers, any count.
#pragma once

#include <stdint.h>

namespace r1 {

struct RowKernels {
  void (*rms_norm)(float* y, const float* x, const float* gain, int64_t count, float eps);
  void (*add)(float* y, const float* a, const float* b, int64_t count);
  void (*silu_mul)(float* y, const float* gate, const float* up, int64_t count);
  // One head's rotated columns: `half` cosines, then as many sines.
  void (*rotate_halves)(float* x, const float* cos_sin, int half);
  void (*rotate_pairs)(float* x, const float* cos_sin, int half);
  // y += weights[0] * x[0] + weights[1] * x[1] + …, the sum made first.
  void (*add_weighted)(float* y, const float* const* x, const float* weights, int terms, int64_t count);
};

}  // namespace r1
