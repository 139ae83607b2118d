// Attention of the reference backend: how a page is laid out, and what attention means (model.md 3.2, 3.7).
#include <algorithm>
#include <cmath>
#include <vector>

#include "compute/reference.h"
#include "tensor/quant.h"

namespace r1 {
namespace {

size_t round_up(size_t bytes) { return (bytes + 63) / 64 * 64; }

// One page of one layer: addresses of single keys and values.
class PlainPage {
 public:
  PlainPage(const KvShape& shape, std::byte* block) : shape_(shape), block_(block) {}

  std::byte* key(int kv_head, int64_t slot) const { return number((kv_head * kPagePositions + slot) * shape_.key_dim); }
  std::byte* value(int kv_head, int64_t slot) const {
    if (shape_.value_in_key) return key(kv_head, slot);
    const int64_t keys = static_cast<int64_t>(shape_.kv_heads) * kPagePositions * shape_.key_dim;
    return number(keys + (kv_head * kPagePositions + slot) * shape_.value_dim);
  }

 private:
  std::byte* number(int64_t index) const { return block_ + row_bytes(shape_.dtype, index); }

  const KvShape& shape_;
  std::byte* block_;
};

PlainPage page_of(const KvShape& shape, const SequenceRows& sequence, int64_t position) {
  return {shape, sequence.blocks[static_cast<size_t>(position / kPagePositions)]};
}

// The keys and values of one kv head as floats, one row per position.
struct History {
  History(const KvShape& shape, const SequenceRows& sequence, int kv_head) : shape(shape) {
    const int64_t positions = sequence.position + sequence.rows;
    keys.resize(static_cast<size_t>(positions * shape.key_dim));
    values.resize(static_cast<size_t>(positions * shape.value_dim));
    for (int64_t p = 0; p < positions; ++p) {
      const PlainPage page = page_of(shape, sequence, p);
      decode(shape.dtype, page.key(kv_head, p % kPagePositions), &keys[static_cast<size_t>(p * shape.key_dim)],
             shape.key_dim);
      decode(shape.dtype, page.value(kv_head, p % kPagePositions), &values[static_cast<size_t>(p * shape.value_dim)],
             shape.value_dim);
    }
  }
  const float* key(int64_t position) const { return keys.data() + position * shape.key_dim; }
  const float* value(int64_t position) const { return values.data() + position * shape.value_dim; }

  const KvShape& shape;
  std::vector<float> keys, values;
};

// One query of one head against the keys 0 … `position`.
void attend(float* out, const float* q, float scale, const History& history, int64_t position) {
  std::vector<double> scores(static_cast<size_t>(position + 1));
  for (int64_t p = 0; p <= position; ++p) {
    const float* key = history.key(p);
    double sum = 0;
    for (int i = 0; i < history.shape.key_dim; ++i) sum += static_cast<double>(q[i]) * key[i];
    scores[static_cast<size_t>(p)] = sum * scale;
  }
  const double highest = *std::max_element(scores.begin(), scores.end());
  double total = 0;
  for (double& score : scores) total += score = std::exp(score - highest);

  std::vector<double> mean(static_cast<size_t>(history.shape.value_dim));
  for (int64_t p = 0; p <= position; ++p) {
    const float* value = history.value(p);
    for (size_t i = 0; i < mean.size(); ++i) mean[i] += scores[static_cast<size_t>(p)] * value[i];
  }
  for (size_t i = 0; i < mean.size(); ++i) out[i] = static_cast<float>(mean[i] / total);
}

}  // namespace

size_t ReferenceBackend::kv_block_bytes(const KvShape& shape) const {
  const int64_t per_position = shape.key_dim + (shape.value_in_key ? 0 : shape.value_dim);
  return round_up(static_cast<size_t>(row_bytes(shape.dtype, shape.kv_heads * kPagePositions * per_position)));
}

void ReferenceBackend::store_kv(const KvShape& shape, Tensor keys, Tensor values,
                                std::span<const SequenceRows> sequences) {
  for (const SequenceRows& sequence : sequences) {
    for (int64_t i = 0; i < sequence.rows; ++i) {
      const int64_t row = sequence.row + i, position = sequence.position + i, slot = position % kPagePositions;
      const PlainPage page = page_of(shape, sequence, position);
      for (int head = 0; head < shape.kv_heads; ++head) {
        encode(shape.dtype, keys.f32(row) + head * shape.key_dim, page.key(head, slot), shape.key_dim);
        if (shape.value_in_key) continue;
        encode(shape.dtype, values.f32(row) + head * shape.value_dim, page.value(head, slot), shape.value_dim);
      }
    }
  }
}

void ReferenceBackend::attention(Tensor out, Tensor q, const AttentionShape& shape,
                                 std::span<const SequenceRows> sequences) {
  const int group = shape.heads / shape.kv.kv_heads;
  for (const SequenceRows& sequence : sequences) {
    for (int head = 0; head < shape.heads; ++head) {
      const History history(shape.kv, sequence, head / group);
      for (int64_t i = 0; i < sequence.rows; ++i) {
        const int64_t row = sequence.row + i;
        attend(out.f32(row) + head * shape.kv.value_dim, q.f32(row) + head * shape.kv.key_dim, shape.scale, history,
               sequence.position + i);
      }
    }
  }
}

}  // namespace r1
