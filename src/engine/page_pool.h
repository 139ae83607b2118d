// PagePool: who uses which page of the KV cache, and which pages hold a known prefix that others may share.
//
// A page is full when all its positions have been computed. Full pages are kept under their tokens and their
// predecessor, so that a chain of pages *is* a prefix; matching compares the tokens themselves, a hash only finds them.
// Pages that nobody uses stay until memory is needed, the least recently used first, and never before the pages that
// follow them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "compute/backend.h"

namespace r1 {

class PagePool {
 public:
  explicit PagePool(int32_t pages);

  // The longest chain of kept pages that begins `ids`, at most `limit` pages; each counts as used by the caller once
  // more.
  std::vector<int32_t> match(std::span<const int32_t> ids, int32_t limit);

  // A page for new positions, used once; forgets an unused kept page if it must. None if every page is in use.
  std::optional<int32_t> take();

  // Keeps a full page for sharing: `ids` are its kPagePositions tokens, `before` the kept page in front of it (-1:
  // none). If an equal page is kept already, that one is returned, used once more, and `page` is released; otherwise
  // `page` itself. Nothing is kept behind a predecessor that forget() dropped.
  int32_t keep(int32_t page, int32_t before, std::span<const int32_t> ids);

  // The caller uses the page no longer. A sequence releases its last page first.
  void release(int32_t page);

  // Forgets every kept page that nobody uses, and lets the used ones be shared no more.
  void forget();

  int32_t pages() const { return static_cast<int32_t>(pages_.size()); }
  int32_t available() const { return available_; }  // pages that take() can still hand out

 private:
  struct Page {
    int32_t users = 0;
    int32_t before = -1;  // kept predecessor
    bool kept = false;
    uint64_t key = 0;
    std::array<int32_t, kPagePositions> ids;
    int32_t older = -1, newer = -1;  // neighbours in the order of last use, only while kept and unused
  };

  std::optional<int32_t> find(uint64_t key, int32_t before, std::span<const int32_t> ids) const;
  void use(int32_t page);
  void drop(int32_t page);  // from the kept ones
  void enqueue(int32_t page);
  void dequeue(int32_t page);

  std::vector<Page> pages_;
  std::vector<int32_t> free_;
  std::unordered_multimap<uint64_t, int32_t> kept_;
  int32_t oldest_ = -1, newest_ = -1;
  int32_t available_ = 0;
};

}  // namespace r1
