// Attention over pages, shared out to threads. See Backend::store_kv and Backend::attention.
#pragma once

#include <span>

#include "base/thread_pool.h"
#include "compute/aligned_memory.h"
#include "compute/backend.h"
#include "compute/cpu/kernels.h"

namespace r1 {

void store_kv(const KvShape& shape, Tensor keys, Tensor values, std::span<const SequenceRows> sequences,
              ThreadPool& pool);

// A work item is some queries (rows times heads) of one kv head of one sequence, over all positions or over one part of
// 1,024. The numbers do not depend on how items are cut: a query's parts are always made one by one from nothing and
// merged in order.
void attention(Tensor out, Tensor q, const AttentionShape& shape, std::span<const SequenceRows> sequences,
               const Kernels& kernels, ThreadPool& pool, ScratchMemory& scratch);

// What attention() needs at most for `rows` rows, however they are spread over sequences of up to `positions`
// positions: each thread's memory, and the states of parts that wait to be merged.
size_t attention_scratch_bytes(const AttentionShape& shape, int64_t rows, int64_t positions, const Kernels& kernels,
                               int threads);

}  // namespace r1
