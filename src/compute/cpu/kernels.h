// Kernels: the inner loops of one instruction set, as a table of function pointers. Each isa_<set>.cpp exports one such
// table. A table may be a layer: what it lacks (null) is the set's below it.
#pragma once

#include "compute/cpu/attention_kernels.h"
#include "compute/cpu/matmul_kernels.h"
#include "compute/cpu/rows_kernels.h"

namespace r1 {

struct Kernels {
  const char* name;  // decisions.md 12: "generic", "avx2", "avx512"
  MatmulKernels matmul;
  RowKernels rows;
  AttentionKernels attention;
};

}  // namespace r1
