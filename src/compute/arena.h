// Arena: the memory of one pass. Bump to take, one reset to free: activations are born in order and die together.
#pragma once

#include <vector>

#include "compute/backend.h"

namespace r1 {

class Arena {
 public:
  explicit Arena(Backend& backend) : backend_(&backend) {}
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Uninitialised memory, 64-byte aligned, valid until reset(). Grows by chunks; after a reset one chunk holds the
  // high-water mark.
  void* take(size_t bytes);
  Tensor tensor(std::initializer_list<int64_t> shape, DType dtype = DType::F32);

  // One chunk of at least `bytes`, for those who know what a pass will need. Nothing may be in use.
  void reserve(size_t bytes);

  void reset();
  size_t used() const { return used_; }  // since the last reset
  size_t peak() const { return peak_; }  // the most ever used between resets

  // Memory taken after mark() is given back by rewind(mark): for scratch inside a layer.
  struct Mark {
    size_t chunk, offset, used;
  };
  Mark mark() const { return {chunk_, offset_, used_}; }
  void rewind(Mark mark);

 private:
  struct Chunk {
    std::byte* data;
    size_t size;
  };
  void next_chunk(size_t bytes);
  void release_from(size_t first) noexcept;

  Backend* backend_;
  std::vector<Chunk> chunks_;
  size_t chunk_ = 0, offset_ = 0, used_ = 0, peak_ = 0;
};

}  // namespace r1
