#include "engine/page_pool.h"

#include <algorithm>

namespace r1 {
namespace {

uint64_t key_of(int32_t before, std::span<const int32_t> ids) {
  uint64_t hash = 0xcbf29ce484222325u ^ static_cast<uint32_t>(before);
  for (const int32_t id : ids) hash = (hash ^ static_cast<uint32_t>(id)) * 0x9E3779B97F4A7C15u, hash ^= hash >> 29;
  return hash;
}

}  // namespace

PagePool::PagePool(int32_t pages) : pages_(static_cast<size_t>(pages)), available_(pages) {
  for (int32_t page = pages; page-- > 0;) free_.push_back(page);
}

std::optional<int32_t> PagePool::find(uint64_t key, int32_t before, std::span<const int32_t> ids) const {
  const auto [begin, end] = kept_.equal_range(key);
  for (auto it = begin; it != end; ++it) {
    const Page& page = pages_[it->second];
    if (page.before == before && std::equal(ids.begin(), ids.end(), page.ids.begin())) return it->second;
  }
  return std::nullopt;
}

std::vector<int32_t> PagePool::match(std::span<const int32_t> ids, int32_t limit) {
  std::vector<int32_t> chain;
  int32_t before = -1;
  while (static_cast<int32_t>(chain.size()) < limit && ids.size() >= static_cast<size_t>(kPagePositions)) {
    const auto part = ids.first(kPagePositions);
    const auto page = find(key_of(before, part), before, part);
    if (!page) break;
    use(*page);
    chain.push_back(before = *page);
    ids = ids.subspan(kPagePositions);
  }
  return chain;
}

std::optional<int32_t> PagePool::take() {
  int32_t page = -1;
  if (!free_.empty()) {
    page = free_.back();
    free_.pop_back();
  } else {
    page = oldest_;  // nothing kept follows it: a sequence releases its last page first
    if (page < 0) return std::nullopt;
    dequeue(page);
    drop(page);
  }
  pages_[page].users = 1;
  --available_;
  return page;
}

int32_t PagePool::keep(int32_t page, int32_t before, std::span<const int32_t> ids) {
  R1_CHECK(ids.size() == static_cast<size_t>(kPagePositions) && !pages_[page].kept, "page {}, {} ids", page,
           ids.size());
  if (before >= 0 && !pages_[before].kept) return page;
  const uint64_t key = key_of(before, ids);
  if (const auto equal = find(key, before, ids)) {
    use(*equal);
    release(page);
    return *equal;
  }
  Page& fresh = pages_[page];
  fresh.kept = true;
  fresh.before = before;
  fresh.key = key;
  std::copy(ids.begin(), ids.end(), fresh.ids.begin());
  kept_.emplace(key, page);
  return page;
}

void PagePool::use(int32_t page) {
  if (pages_[page].users++ == 0) {
    dequeue(page);
    --available_;
  }
}

void PagePool::release(int32_t page) {
  R1_CHECK(pages_[page].users > 0, "page {} is not used", page);
  if (--pages_[page].users > 0) return;
  ++available_;
  if (pages_[page].kept) {
    enqueue(page);
  } else {
    free_.push_back(page);
  }
}

void PagePool::forget() {
  while (oldest_ >= 0) {
    const int32_t page = oldest_;
    dequeue(page);
    drop(page);
    free_.push_back(page);
  }
  for (int32_t page = 0; page < pages(); ++page) {
    if (pages_[page].kept) drop(page);
  }
}

void PagePool::drop(int32_t page) {
  Page& kept = pages_[page];
  const auto [begin, end] = kept_.equal_range(kept.key);
  for (auto it = begin; it != end; ++it) {
    if (it->second == page) {
      kept_.erase(it);
      break;
    }
  }
  kept.kept = false;
  kept.before = -1;
}

void PagePool::enqueue(int32_t page) {
  pages_[page].older = newest_;
  pages_[page].newer = -1;
  (newest_ >= 0 ? pages_[newest_].newer : oldest_) = page;
  newest_ = page;
}

void PagePool::dequeue(int32_t page) {
  Page& entry = pages_[page];
  (entry.older >= 0 ? pages_[entry.older].newer : oldest_) = entry.newer;
  (entry.newer >= 0 ? pages_[entry.newer].older : newest_) = entry.older;
}

}  // namespace r1
