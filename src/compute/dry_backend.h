// DryBackend: a backend that computes nothing. A pass on it takes exactly the arena memory that it would take on the
// backend it stands for, and it notes what the kernels there would keep for themselves: the plan.
#pragma once

#include "compute/backend.h"

namespace r1 {

class DryBackend final : public Backend {
 public:
  // Stands for `real`, in passes over sequences of up to `positions` positions.
  DryBackend(const Backend& real, int64_t positions) : real_(&real), positions_(positions) {}

  const ScratchBytes& scratch() const { return scratch_; }  // of the calls so far

  std::string name() const override { return "dry"; }
  std::string kernel_set() const override { return "dry"; }
  int threads() const override { return 1; }

  void* allocate(size_t bytes) override;
  void release(void* memory, size_t bytes) noexcept override;
  Weight pack(Weight stored) override { return stored; }
  size_t packed_bytes(DType, int64_t, int64_t) const override { return 0; }

  void embed(Tensor, const Weight&, std::span<const int32_t>) override {}
  void rms_norm(Tensor, Tensor, Tensor, float) override {}
  void add(Tensor, Tensor, Tensor) override {}
  void silu_mul(Tensor, Tensor, Tensor) override {}
  void rope(Tensor, std::span<const int32_t>, Tensor, int, int, int, int, RopePairing) override {}
  void gather_rows(Tensor, Tensor, std::span<const int32_t>) override {}
  void combine_rows(Tensor, Tensor, std::span<const int32_t>, std::span<const float>, int) override {}
  void linear(std::span<const Projection> projections, Precision precision) override;
  // Every row to the first experts: how rows are spread changes no sizes.
  void route(Tensor, Tensor, const RouterRule& rule, std::span<int32_t> experts, std::span<float>) override;
  size_t kv_block_bytes(const KvShape&) const override { return 64; }
  void store_kv(const KvShape&, Tensor, Tensor, std::span<const SequenceRows>) override {}
  void attention(Tensor out, Tensor, const AttentionShape& shape, std::span<const SequenceRows>) override;

 private:
  const Backend* real_;
  int64_t positions_;
  ScratchBytes scratch_;
};

}  // namespace r1
