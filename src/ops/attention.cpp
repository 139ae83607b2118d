#include "ops/attention.h"

namespace r1 {

PagedRows::PagedRows(Pass& pass, const Batch& batch, const KvShape& shape) : cache_(pass.cache), shape_(shape) {
  std::vector<size_t> first_page;
  for (const Batch::Sequence& s : batch.sequences) {
    const auto needed = static_cast<size_t>(pages_for(int64_t{s.position} + s.rows));
    R1_CHECK(s.pages.empty() == (cache_ == nullptr), "{} pages, cache: {}", s.pages.size(), cache_ != nullptr);
    first_page.push_back(blocks_.size());
    blocks_.resize(blocks_.size() + needed);
    if (cache_ == nullptr) continue;
    for (size_t p = 0; p < needed; ++p) {
      R1_CHECK(0 <= s.pages[p] && s.pages[p] < cache_->pages(), "page {} of {}", s.pages[p], cache_->pages());
    }
    pages_.insert(pages_.end(), s.pages.begin(), s.pages.begin() + static_cast<int64_t>(needed));
  }
  if (cache_ == nullptr) {
    const size_t bytes = pass.backend.kv_block_bytes(shape);
    for (std::byte*& block : blocks_) block = static_cast<std::byte*>(pass.arena.take(bytes));
  }
  for (size_t i = 0; i < batch.sequences.size(); ++i) {
    const Batch::Sequence& s = batch.sequences[i];
    const size_t end = i + 1 < first_page.size() ? first_page[i + 1] : blocks_.size();
    sequences_.push_back({s.row, s.rows, s.position, std::span(blocks_).subspan(first_page[i], end - first_page[i])});
  }
}

std::span<const SequenceRows> PagedRows::layer(int layer) {
  for (size_t i = 0; i < pages_.size(); ++i) blocks_[i] = cache_->block(pages_[i], layer);
  return sequences_;
}

Tensor attention(Pass& pass, Tensor q, Tensor k, Tensor v, int heads, float scale, PagedRows& rows, int layer) {
  const KvShape& kv = rows.shape();
  R1_CHECK(q.cols() == int64_t{heads} * kv.key_dim && heads % kv.kv_heads == 0, "q {}, {} heads of {}", q.shape_text(),
           heads, kv.key_dim);
  R1_CHECK(k.rows() == q.rows() && k.cols() == int64_t{kv.kv_heads} * kv.key_dim, "k {}", k.shape_text());
  R1_CHECK(v.empty() == kv.value_in_key && (v.empty() || v.cols() == int64_t{kv.kv_heads} * kv.value_dim), "v {}",
           v.shape_text());
  const std::span<const SequenceRows> sequences = rows.layer(layer);
  pass.backend.store_kv(kv, k, v, sequences);
  const Tensor out = pass.arena.tensor({q.rows(), int64_t{heads} * kv.value_dim});
  pass.backend.attention(out, q, {heads, kv, scale}, sequences);
  return out;
}

}  // namespace r1
