// KvCache: pages of keys and values, all layers of a page together. Owns the memory; who uses which page is the
// engine's business.
#pragma once

#include <cstdint>

#include "compute/backend.h"

namespace r1 {

class KvCache {
 public:
  // `pages` pages for `layers` layers. Throws Error(kOutOfMemory).
  KvCache(Backend& backend, KvShape shape, int layers, int32_t pages);
  ~KvCache();
  KvCache(const KvCache&) = delete;
  KvCache& operator=(const KvCache&) = delete;

  const KvShape& shape() const { return shape_; }
  int32_t pages() const { return pages_; }
  size_t page_bytes() const { return page_bytes_; }
  std::byte* block(int32_t page, int layer) const { return memory_ + page * page_bytes_ + layer * block_bytes_; }

  static size_t page_bytes(const Backend& backend, const KvShape& shape, int layers);

 private:
  Backend* backend_;
  KvShape shape_;
  int32_t pages_;
  size_t block_bytes_, page_bytes_;
  std::byte* memory_ = nullptr;
};

}  // namespace r1
