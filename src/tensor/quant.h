// Scalar encode and decode of every block format: the specification of each (formats.md 5 and 6), and the judge of the
// fast kernels. All arithmetic is float32 in index order without contraction; decoding is exact or rounded once.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"
#include "tensor/small_float.h"

namespace r1 {

// Decodes `count` numbers (whole blocks) from `blocks`, which may lie at any address. F8_E4M3 decodes codes without
// their scales; I32 decodes to the nearest floats.
void decode(DType dtype, const void* blocks, float* values, int64_t count);

// Encodes `count` numbers (whole blocks). Every dtype but I32; F8_E4M3 encodes codes without scales. Any float will do:
// a NaN makes its block's numbers meaningless, nothing else.
void encode(DType dtype, const float* values, void* blocks, int64_t count);

}  // namespace r1
