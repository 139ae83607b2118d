#include "compute/cpu/cpu_backend.h"

#include <cstring>
#include <vector>

#include "compute/cpu/attention_pages.h"
#include "compute/cpu/pack.h"

namespace r1 {
namespace {

// Numbers below which waking threads costs more than they save: some ten microseconds of one core.
constexpr int64_t kWorthThreads = 1 << 15;

}  // namespace

CpuBackend::CpuBackend(const Kernels& kernels, int threads) : kernels_(kernels), pool_(threads) {}

void CpuBackend::for_rows(int64_t rows, int64_t work, FunctionRef<void(int64_t)> body) {
  const auto range = [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) body(row);
  };
  if (rows > 1 && rows * work >= kWorthThreads) {
    pool_.parallel_for(rows, range);
  } else {
    range(0, rows);
  }
}

size_t CpuBackend::linear_scratch_bytes(std::span<const Projection> projections, Precision precision) const {
  return r1::linear_scratch_bytes(projections, precision, kernels_, pool_.threads());
}

size_t CpuBackend::attention_scratch_bytes(const AttentionShape& shape, int64_t rows, int64_t positions) const {
  return r1::attention_scratch_bytes(shape, rows, positions, kernels_, pool_.threads());
}

void CpuBackend::reserve(const ScratchBytes& scratch) {
  linear_scratch_.reserve(scratch.linear, kernels_, pool_.threads());
  touch_pages(attention_scratch_.reserve(scratch.attention), attention_scratch_.size());
}

Weight CpuBackend::pack(Weight stored) { return pack_weight(stored, pool_); }

size_t CpuBackend::packed_bytes(DType dtype, int64_t rows, int64_t cols) const {
  return packed_weight_bytes(dtype, rows, cols);
}

void CpuBackend::embed(Tensor y, const Weight& table, std::span<const int32_t> ids) {
  for_rows(y.rows(), y.cols(), [&](int64_t i) {
    const int32_t id = ids[static_cast<size_t>(i)];
    table.packed != nullptr ? unpack_row(table, id, y.f32(i)) : decode_row(table, id, y.f32(i));
  });
}

void CpuBackend::rms_norm(Tensor y, Tensor x, Tensor gain, float eps) {
  const float* g = gain.f32();
  for_rows(x.rows(), x.cols(), [&](int64_t r) { kernels_.rows.rms_norm(y.f32(r), x.f32(r), g, x.cols(), eps); });
}

void CpuBackend::add(Tensor y, Tensor a, Tensor b) {
  for_rows(y.rows(), y.cols(), [&](int64_t r) { kernels_.rows.add(y.f32(r), a.f32(r), b.f32(r), y.cols()); });
}

void CpuBackend::silu_mul(Tensor y, Tensor gate, Tensor up) {
  for_rows(y.rows(), y.cols(), [&](int64_t r) { kernels_.rows.silu_mul(y.f32(r), gate.f32(r), up.f32(r), y.cols()); });
}

void CpuBackend::rope(Tensor x, std::span<const int32_t> positions, Tensor cos_sin, int heads, int head_dim, int offset,
                      int width, RopePairing pairing) {
  const auto rotate = pairing == RopePairing::Half ? kernels_.rows.rotate_halves : kernels_.rows.rotate_pairs;
  for_rows(x.rows(), static_cast<int64_t>(heads) * width, [&](int64_t r) {
    const float* row_cos_sin = cos_sin.f32(positions[static_cast<size_t>(r)]);
    for (int head = 0; head < heads; ++head) {
      rotate(x.f32(r) + static_cast<int64_t>(head) * head_dim + offset, row_cos_sin, width / 2);
    }
  });
}

void CpuBackend::gather_rows(Tensor y, Tensor x, std::span<const int32_t> index) {
  const auto bytes = static_cast<size_t>(row_bytes(x.dtype(), x.cols()));
  for_rows(static_cast<int64_t>(index.size()), x.cols(),
           [&](int64_t i) { std::memcpy(y.row(i), x.row(index[static_cast<size_t>(i)]), bytes); });
}

void CpuBackend::combine_rows(Tensor y, Tensor x, std::span<const int32_t> index, std::span<const float> weights,
                              int per_row) {
  std::vector<const float*> rows(index.size());
  for (size_t i = 0; i < index.size(); ++i) rows[i] = x.f32(index[i]);
  for_rows(y.rows(), y.cols() * per_row, [&](int64_t r) {
    const auto first = static_cast<size_t>(r * per_row);
    kernels_.rows.add_weighted(y.f32(r), rows.data() + first, weights.data() + first, per_row, y.cols());
  });
}

void CpuBackend::linear(std::span<const Projection> projections, Precision precision) {
  r1::linear(projections, precision, kernels_, pool_, linear_scratch_);
}

void CpuBackend::route(Tensor logits, Tensor bias, const RouterRule& rule, std::span<int32_t> experts,
                       std::span<float> weights) {
  constexpr int64_t kWorkPerExpert = 16;  // an exponential, and the sorting
  for_rows(logits.rows(), rule.experts * kWorkPerExpert, [&](int64_t r) {
    const auto first = static_cast<size_t>(r * rule.chosen), count = static_cast<size_t>(rule.chosen);
    ReferenceBackend::route(logits.slice_rows(r, r + 1), bias, rule, experts.subspan(first, count),
                            weights.subspan(first, count));
  });
}

size_t CpuBackend::kv_block_bytes(const KvShape& shape) const { return static_cast<size_t>(page_bytes(shape)); }

void CpuBackend::store_kv(const KvShape& shape, Tensor keys, Tensor values, std::span<const SequenceRows> sequences) {
  r1::store_kv(shape, keys, values, sequences, pool_);
}

void CpuBackend::attention(Tensor out, Tensor q, const AttentionShape& shape, std::span<const SequenceRows> sequences) {
  r1::attention(out, q, shape, sequences, kernels_, pool_, attention_scratch_);
}

}  // namespace r1
