// A layer over avx512: dot products of bf16 where that set has none (kernels.h).
#define R1_BF16_LAYER
#include "compute/cpu/simd_avx512.h"

#include "compute/cpu/kernels.h"

#include "compute/cpu/attention.inc.h"
#include "compute/cpu/matmul.inc.h"

namespace r1 {

extern const Kernels kernels_avx512bf16;
const Kernels kernels_avx512bf16 = {"avx512", kMatmulKernels, {}, kAttentionKernels};

}  // namespace r1
