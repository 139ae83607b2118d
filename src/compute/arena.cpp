#include "compute/arena.h"

#include <algorithm>

namespace r1 {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kSmallestChunk = size_t{1} << 20;

}  // namespace

Arena::~Arena() { release_from(0); }

void* Arena::take(size_t bytes) {
  bytes = (std::max<size_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
  if (chunks_.empty() || offset_ + bytes > chunks_[chunk_].size) next_chunk(bytes);
  std::byte* memory = chunks_[chunk_].data + offset_;
  offset_ += bytes;
  used_ += bytes;
  peak_ = std::max(peak_, used_);
  return memory;
}

Tensor Arena::tensor(std::initializer_list<int64_t> shape, DType dtype) {
  Tensor view(static_cast<void*>(nullptr), dtype, shape);
  return Tensor(take(static_cast<size_t>(view.bytes())), dtype, shape);
}

void Arena::reserve(size_t bytes) {
  R1_CHECK(used_ == 0, "{} bytes are in use", used_);
  if (!chunks_.empty() && chunks_[0].size >= bytes) return;
  release_from(0);
  chunks_.push_back({static_cast<std::byte*>(backend_->allocate(bytes)), bytes});
}

void Arena::reset() {
  // The next take() makes one chunk for all that this pass needed, and keeps it.
  if (chunks_.size() > 1) release_from(0);
  chunk_ = offset_ = used_ = 0;
}

void Arena::rewind(Mark mark) {
  R1_CHECK(mark.used <= used_, "mark at {} of {}", mark.used, used_);
  chunk_ = mark.chunk;
  offset_ = mark.offset;
  used_ = mark.used;
}

// Goes on to a chunk with room for `bytes`: the next one, or a new one in its place. What lies behind the current chunk
// is free.
void Arena::next_chunk(size_t bytes) {
  const size_t next = chunks_.empty() ? 0 : chunk_ + 1;
  if (next >= chunks_.size() || chunks_[next].size < bytes) {
    release_from(next);
    size_t all = 0;
    for (const Chunk& chunk : chunks_) all += chunk.size;
    const size_t wanted = chunks_.empty() ? peak_ : all;  // doubles
    const size_t size = std::max({bytes, wanted, kSmallestChunk});
    chunks_.push_back({static_cast<std::byte*>(backend_->allocate(size)), size});
  }
  chunk_ = next;
  offset_ = 0;
}

void Arena::release_from(size_t first) noexcept {
  for (size_t i = first; i < chunks_.size(); ++i) backend_->release(chunks_[i].data, chunks_[i].size);
  chunks_.resize(std::min(first, chunks_.size()));
}

}  // namespace r1
