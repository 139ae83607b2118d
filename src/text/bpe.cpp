#include "text/bpe.h"

#include <algorithm>
#include <bit>
#include <functional>

#include "base/error.h"

namespace r1 {

Bpe::Bpe(const Vocabulary& vocabulary, const StringTable& merges, const std::string& file) {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    symbol_of_[static_cast<size_t>(byte)] = vocabulary.find(to_byte_alphabet({&c, 1})).value_or(-1);
  }
  const size_t count = merges.size() / 2;
  slots_.assign(std::bit_ceil(count * 3 / 2 + 2), Merge());
  const auto id_of = [&](std::string_view text, size_t rank, std::string_view role) {
    const auto id = vocabulary.find(text);
    if (!id) {
      fail(Exit::kBadModel, "{}: merge {} ('{}' '{}'): {} '{}' is not in the vocabulary", file, rank, merges[2 * rank],
           merges[2 * rank + 1], role, text);
    }
    return *id;
  };
  std::string joined;
  for (size_t rank = 0; rank < count; ++rank) {
    const int32_t left = id_of(merges[2 * rank], rank, "the left part");
    const int32_t right = id_of(merges[2 * rank + 1], rank, "the right part");
    joined.assign(merges[2 * rank]).append(merges[2 * rank + 1]);
    slots_[slot_of(left, right)] = {left, right, static_cast<int32_t>(rank), id_of(joined, rank, "their union")};
  }
}

size_t Bpe::slot_of(int32_t left, int32_t right) const {
  const size_t mask = slots_.size() - 1;
  uint64_t key = static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  key = (key ^ key >> 31) * 0x9E3779B97F4A7C15u;  // golden ratio: neighbouring ids far apart
  size_t slot = (key ^ key >> 32) & mask;
  while (slots_[slot].left >= 0 && (slots_[slot].left != left || slots_[slot].right != right)) slot = (slot + 1) & mask;
  return slot;
}

const Bpe::Merge* Bpe::find(int32_t left, int32_t right) const {
  const Merge& merge = slots_[slot_of(left, right)];
  return merge.left >= 0 ? &merge : nullptr;
}

void Bpe::encode_word(std::string_view word, int32_t unknown, Scratch& scratch, std::vector<int32_t>& ids) const {
  std::vector<Scratch::Symbol>& symbols = scratch.symbols;
  symbols.clear();
  for (const char byte : word) {
    int32_t id = symbol_of_[static_cast<unsigned char>(byte)];
    if (id < 0) id = unknown;
    if (id < 0) continue;
    const auto index = static_cast<int32_t>(symbols.size());
    symbols.push_back({id, index - 1, index + 1});
  }
  if (symbols.empty()) return;
  symbols.back().next = -1;
  if (symbols.size() > 1) merge_all(scratch);
  for (int32_t at = 0; at >= 0; at = symbols[static_cast<size_t>(at)].next)
    ids.push_back(symbols[static_cast<size_t>(at)].id);
}

// The heap's smallest entry is the lowest rank and, among equals, the leftmost pair.
void Bpe::push_pair(int32_t left, Scratch& scratch) const {
  const Scratch::Symbol& symbol = scratch.symbols[static_cast<size_t>(left)];
  if (symbol.next < 0) return;
  const Merge* merge = find(symbol.id, scratch.symbols[static_cast<size_t>(symbol.next)].id);
  if (merge == nullptr) return;
  scratch.heap.push_back(static_cast<uint64_t>(merge->rank) << 32 | static_cast<uint32_t>(left));
  std::push_heap(scratch.heap.begin(), scratch.heap.end(), std::greater<>());
}

void Bpe::merge_all(Scratch& scratch) const {
  constexpr int32_t kGone = -1;  // the id of a symbol that its left neighbour has swallowed
  std::vector<Scratch::Symbol>& symbols = scratch.symbols;
  scratch.heap.clear();
  for (size_t i = 0; i + 1 < symbols.size(); ++i) push_pair(static_cast<int32_t>(i), scratch);
  while (!scratch.heap.empty()) {
    std::pop_heap(scratch.heap.begin(), scratch.heap.end(), std::greater<>());
    const uint64_t entry = scratch.heap.back();
    scratch.heap.pop_back();
    const auto at = static_cast<int32_t>(entry & 0xFFFFFFFFu);
    Scratch::Symbol& left = symbols[static_cast<size_t>(at)];
    if (left.id == kGone || left.next < 0) continue;
    Scratch::Symbol& right = symbols[static_cast<size_t>(left.next)];
    const Merge* merge = find(left.id, right.id);
    if (merge == nullptr || static_cast<uint64_t>(merge->rank) != entry >> 32) continue;  // this pair has changed since
    left.id = merge->merged;
    left.next = right.next;
    right.id = kGone;
    if (left.next >= 0) symbols[static_cast<size_t>(left.next)].previous = at;
    if (left.previous >= 0) push_pair(left.previous, scratch);
    push_pair(at, scratch);
  }
}

std::vector<std::pair<int32_t, int32_t>> Bpe::merges() const {
  std::vector<Merge> ordered;
  std::copy_if(slots_.begin(), slots_.end(), std::back_inserter(ordered),
               [](const Merge& merge) { return merge.left >= 0; });
  std::sort(ordered.begin(), ordered.end(), [](const Merge& a, const Merge& b) { return a.rank < b.rank; });
  std::vector<std::pair<int32_t, int32_t>> pairs;
  pairs.reserve(ordered.size());
  for (const Merge& merge : ordered) pairs.emplace_back(merge.left, merge.right);
  return pairs;
}

bool Bpe::has_all_bytes() const {
  return std::all_of(symbol_of_.begin(), symbol_of_.end(), [](int32_t id) { return id >= 0; });
}

}  // namespace r1
