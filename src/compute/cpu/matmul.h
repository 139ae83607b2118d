// linear: many matrix products with packed weights, in one region of the thread pool.
#pragma once

#include <span>

#include "base/thread_pool.h"
#include "compute/aligned_memory.h"
#include "compute/backend.h"
#include "compute/cpu/kernels.h"

namespace r1 {

// What linear() keeps from call to call: memory for tokens laid out as panels, and each thread's for expanded weights.
struct LinearScratch {
  ScratchMemory panels, tiles;
  void reserve(size_t bytes, const Kernels& kernels, int threads);  // of linear_scratch_bytes(), touched
};

// What linear() needs at most for such a call, whatever the types of its weights, or for one of fewer rows.
size_t linear_scratch_bytes(std::span<const Projection> projections, Precision precision, const Kernels& kernels,
                            int threads);

// Every projection (see Backend::linear); weights packed by pack_weight. Projections that look at the same x share its
// panels. Each number is the same whatever the other rows, the other projections and the number of threads.
void linear(std::span<const Projection> projections, Precision precision, const Kernels& kernels, ThreadPool& pool,
            LinearScratch& scratch);

}  // namespace r1
