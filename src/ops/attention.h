// attention: softmax(scale * q keysᵀ) values over a sequence's positions 0 … own, keys and values on pages
// (model.md 3.2, 3.7).
//
// With a cache the pages are the sequence's own; without, the batch's rows are one another's only keys and get scratch
// pages in the arena. Either way keys are walked page by page in order of position: so prefill, decode, scoring and
// training agree to the bit.
#pragma once

#include <span>
#include <vector>

#include "ops/batch.h"
#include "ops/pass.h"
#include "tensor/tensor.h"

namespace r1 {

// The sequences of one pass and the memory of their pages, layer by layer. Lives as long as the pass.
class PagedRows {
 public:
  // The batch must outlive it. Scratch pages (no cache) are taken from the pass's arena, and serve one layer after the
  // other.
  PagedRows(Pass& pass, const Batch& batch, const KvShape& shape);
  // sequences_ looks into blocks_: a move takes what is looked at along, a copy would not.
  PagedRows(PagedRows&&) = default;
  PagedRows(const PagedRows&) = delete;
  PagedRows& operator=(const PagedRows&) = delete;

  const KvShape& shape() const { return shape_; }
  std::span<const SequenceRows> layer(int layer);  // valid until the next call

 private:
  const KvCache* cache_;
  KvShape shape_;
  std::vector<int32_t> pages_;      // of all sequences
  std::vector<std::byte*> blocks_;  // of the layer at hand, one per page
  std::vector<SequenceRows> sequences_;
};

// q [n, heads * key_dim], k [n, kv_heads * key_dim], v [n, kv_heads * value_dim] (empty if the value is in the key),
// rotated. Stores k and v on the layer's pages, then attends: [n, heads * value_dim].
Tensor attention(Pass& pass, Tensor q, Tensor k, Tensor v, int heads, float scale, PagedRows& rows, int layer);

}  // namespace r1
