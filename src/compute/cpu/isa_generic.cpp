#include "compute/cpu/simd_generic.h"

#include "compute/cpu/kernels.h"

#include "compute/cpu/attention.inc.h"
#include "compute/cpu/matmul.inc.h"
#include "compute/cpu/rows.inc.h"

namespace r1 {

extern const Kernels kernels_generic;
const Kernels kernels_generic = {"generic", kMatmulKernels, kRowKernels, kAttentionKernels};

}  // namespace r1
