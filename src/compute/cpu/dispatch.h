// Which kernel set runs: the best one this machine has, or the one that is asked for by name (R1_ISA).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "compute/cpu/kernels.h"

namespace r1 {

// Every table this machine can run, slowest first. Two tables may bear one name (avx512 with and without BF16 dot
// products).
std::span<const Kernels* const> runnable_kernels();

// The table of that name (the fastest where two bear it), or the best one if `set` is empty.
// Throws Error(kUsage) for a name nobody knows and for a set that this machine cannot run.
const Kernels& kernels_named(std::string_view set);

}  // namespace r1
