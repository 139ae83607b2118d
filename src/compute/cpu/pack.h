// Weights in the layout the kernels read: tiles of 16 rows in lines of 64 bytes, the on-disk bits in another order
// (docs/kernels.md; spec: cpu-performance.md 3). The same for every instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/thread_pool.h"
#include "compute/backend.h"

namespace r1 {

// `stored` laid out anew, on all threads; its values may be forgotten afterwards (the result's are empty), F8 scales
// are copied too. stored.values may lie at any address; its columns are whole blocks of its dtype. Throws
// Error(kOutOfMemory).
Weight pack_weight(const Weight& stored, ThreadPool& pool);

// What pack_weight allocates.
size_t packed_weight_bytes(DType dtype, int64_t rows, int64_t cols);

// Row `row` of a packed matrix, decoded: bit for bit what decode() gives for the stored row (F8: code times scale in
// float32).
void unpack_row(const Weight& weight, int64_t row, float* values);

}  // namespace r1
