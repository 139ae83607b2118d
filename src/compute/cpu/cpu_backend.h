// CpuBackend: the kernels of one instruction set, shared out to a pool of threads. What it does not override is the
// reference's.
#pragma once

#include "base/thread_pool.h"
#include "compute/cpu/attention.h"
#include "compute/cpu/kernels.h"
#include "compute/cpu/matmul.h"
#include "compute/reference.h"

namespace r1 {

class CpuBackend : public ReferenceBackend {
 public:
  // `threads` 0: all physical cores this process may use.
  CpuBackend(const Kernels& kernels, int threads);

  std::string name() const override { return "cpu"; }
  std::string kernel_set() const override { return kernels_.name; }
  int threads() const override { return pool_.threads(); }

  size_t linear_scratch_bytes(std::span<const Projection> projections, Precision precision) const override;
  size_t attention_scratch_bytes(const AttentionShape& shape, int64_t rows, int64_t positions) const override;
  void reserve(const ScratchBytes& scratch) override;

  Weight pack(Weight stored) override;
  size_t packed_bytes(DType dtype, int64_t rows, int64_t cols) const override;

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

 private:
  // body(row) for every row, on all threads where there is enough to do: `work` numbers per row.
  void for_rows(int64_t rows, int64_t work, FunctionRef<void(int64_t row)> body);

  const Kernels& kernels_;
  ThreadPool pool_;
  LinearScratch linear_scratch_;
  ScratchMemory attention_scratch_;
};

}  // namespace r1
