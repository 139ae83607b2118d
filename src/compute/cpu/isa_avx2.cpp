#include "compute/cpu/simd_avx2.h"

#include "compute/cpu/kernels.h"

#include "compute/cpu/attention.inc.h"
#include "compute/cpu/matmul.inc.h"
#include "compute/cpu/rows.inc.h"

namespace r1 {

extern const Kernels kernels_avx2;
const Kernels kernels_avx2 = {"avx2", kMatmulKernels, kRowKernels, kAttentionKernels};

}  // namespace r1
