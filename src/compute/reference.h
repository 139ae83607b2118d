// ReferenceBackend: the whole interface in the plainest loops, sums in double, one thread. It is the specification
// (decisions.md 4): every other backend is judged by it, and other backends inherit from it what they have not made
// fast.
//
// Weights stay as they are stored: pack() copies nothing, rows are decoded when they are needed. Numbers between
// kernels are F32. A page of keys and values is [kv_heads][64][key_dim] followed by [kv_heads][64][value_dim], F32 or
// rounded to BF16.
#pragma once

#include "compute/backend.h"

namespace r1 {

class ReferenceBackend : public Backend {
 public:
  std::string name() const override { return "reference"; }
  std::string kernel_set() const override { return "reference"; }
  int threads() const override { return 1; }

  void* allocate(size_t bytes) override;
  void release(void* memory, size_t bytes) noexcept override;

  Weight pack(Weight stored) override { return stored; }
  size_t packed_bytes(DType, int64_t, int64_t) const override { return 0; }  // it works on the stored bytes

  void embed(Tensor y, const Weight& table, std::span<const int32_t> ids) override;
  void rms_norm(Tensor y, Tensor x, Tensor gain, float eps) override;
  void add(Tensor y, Tensor a, Tensor b) override;
  void silu_mul(Tensor y, Tensor gate, Tensor up) override;
  void rope(Tensor x, std::span<const int32_t> positions, Tensor cos_sin, int heads, int head_dim, int offset,
            int width, RopePairing pairing) override;
  void gather_rows(Tensor y, Tensor x, std::span<const int32_t> index) override;
  void combine_rows(Tensor y, Tensor x, std::span<const int32_t> index, std::span<const float> weights,
                    int per_row) override;

  void linear(std::span<const Projection> projections, Precision precision) override;
  void route(Tensor logits, Tensor bias, const RouterRule& rule, std::span<int32_t> experts,
             std::span<float> weights) override;

  size_t kv_block_bytes(const KvShape& shape) const override;
  void store_kv(const KvShape& shape, Tensor keys, Tensor values, std::span<const SequenceRows> sequences) override;
  void attention(Tensor out, Tensor q, const AttentionShape& shape, std::span<const SequenceRows> sequences) override;
};

}  // namespace r1
