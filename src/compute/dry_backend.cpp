#include "compute/dry_backend.h"

#include <algorithm>
#include <cstdlib>

namespace r1 {

// Not zeroed, and hardly ever written: pages that nobody touches cost nothing.
void* DryBackend::allocate(size_t bytes) {
  void* memory = std::malloc(bytes);
  if (memory == nullptr) fail(Exit::kOutOfMemory, "out of memory: {} bytes were refused", bytes);
  return memory;
}

void DryBackend::release(void* memory, size_t) noexcept { std::free(memory); }

void DryBackend::linear(std::span<const Projection> projections, Precision precision) {
  scratch_.linear = std::max(scratch_.linear, real_->linear_scratch_bytes(projections, precision));
}

void DryBackend::attention(Tensor out, Tensor, const AttentionShape& shape, std::span<const SequenceRows>) {
  scratch_.attention = std::max(scratch_.attention, real_->attention_scratch_bytes(shape, out.rows(), positions_));
}

void DryBackend::route(Tensor, Tensor, const RouterRule& rule, std::span<int32_t> experts, std::span<float>) {
  for (size_t i = 0; i < experts.size(); ++i) experts[i] = static_cast<int32_t>(i) % rule.chosen;
}

}  // namespace r1
