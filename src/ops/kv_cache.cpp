#include "ops/kv_cache.h"

#include "compute/aligned_memory.h"

namespace r1 {

KvCache::KvCache(Backend& backend, KvShape shape, int layers, int32_t pages)
    : backend_(&backend),
      shape_(shape),
      pages_(pages),
      block_bytes_(backend.kv_block_bytes(shape)),
      page_bytes_(page_bytes(backend, shape, layers)) {
  R1_CHECK(pages > 0 && layers > 0, "{} pages of {} layers", pages, layers);
  const size_t bytes = page_bytes_ * static_cast<size_t>(pages_);
  memory_ = static_cast<std::byte*>(backend_->allocate(bytes));
  touch_pages(memory_, bytes);  // taken now: a plan that holds from the start, and no page faults while answering
}

KvCache::~KvCache() { backend_->release(memory_, page_bytes_ * static_cast<size_t>(pages_)); }

size_t KvCache::page_bytes(const Backend& backend, const KvShape& shape, int layers) {
  return backend.kv_block_bytes(shape) * static_cast<size_t>(layers);
}

}  // namespace r1
