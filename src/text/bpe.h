// Byte-pair merges (tokenizer.md 1.3): a word's bytes, joined pair by pair in the order of the merges' ranks, become
// ids.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/vocabulary.h"

namespace r1 {

class Bpe {
 public:
  // Merge i joins merges[2i] and merges[2i + 1], rank i; of a pair that stands twice the later rank holds, as in the
  // hub's library. Throws Error(kBadModel) where one of a merge's three texts is not in the vocabulary.
  Bpe(const Vocabulary& vocabulary, const StringTable& merges, const std::string& file);

  // What encode_word works with; keep one per thread to spare allocations.
  struct Scratch {
    struct Symbol {
      int32_t id, previous, next;  // neighbours by index; -1 at the ends
    };
    std::vector<Symbol> symbols;
    std::vector<uint64_t> heap;
  };

  // Appends the ids of a word of fewer than 2^31 bytes. n log n. A byte whose symbol the vocabulary lacks becomes
  // `unknown`, or nothing where that is negative.
  void encode_word(std::string_view word, int32_t unknown, Scratch& scratch, std::vector<int32_t>& ids) const;

  // The pairs of ids that are merged, by rank.
  std::vector<std::pair<int32_t, int32_t>> merges() const;
  bool has_all_bytes() const;
  size_t memory_bytes() const { return slots_.capacity() * sizeof(Merge); }

 private:
  struct Merge {
    int32_t left = -1, right = -1, rank = 0, merged = 0;
  };
  const Merge* find(int32_t left, int32_t right) const;
  size_t slot_of(int32_t left, int32_t right) const;
  void push_pair(int32_t left, Scratch& scratch) const;
  void merge_all(Scratch& scratch) const;

  std::array<int32_t, 256> symbol_of_;  // by byte; -1 where the vocabulary lacks it
  std::vector<Merge> slots_;            // hash table, linear probing
};

}  // namespace r1
