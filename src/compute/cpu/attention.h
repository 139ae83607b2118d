// Attention over pages, shared out to threads. See Backend::store_kv and Backend::attention.
#pragma once

#include <memory>
#include <span>

#include "base/thread_pool.h"
#include "compute/backend.h"
#include "compute/cpu/kernels.h"
#include "compute/aligned_memory.h"

namespace r1 {

// What attention() keeps from call to call: each thread's memory, and the states of parts that wait to be merged.
struct AttentionScratch {
  explicit AttentionScratch(int threads) : threads(std::make_unique<ScratchMemory[]>(static_cast<size_t>(threads))) {}
  std::unique_ptr<ScratchMemory[]> threads;
  ScratchMemory parts;
};

void store_kv(const KvShape& shape, Tensor keys, Tensor values, std::span<const SequenceRows> sequences,
              ThreadPool& pool);

// A work item is some queries (rows times heads) of one kv head of one sequence, over all positions or over one part of
// 1,024. The numbers do not depend on how items are cut: a query's parts are always made one by one from nothing and
// merged in order.
void attention(Tensor out, Tensor q, const AttentionShape& shape, std::span<const SequenceRows> sequences,
               const Kernels& kernels, ThreadPool& pool, AttentionScratch& scratch);

}  // namespace r1
