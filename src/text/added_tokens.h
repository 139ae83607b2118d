// AddedTokens: finds added tokens in text: leftmost, at one place the longest (tokenizer.md 1.2).
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/vocabulary.h"

namespace r1 {

// The part [begin, end) of a text whose characters may form control tokens: what a template wrote, or all of a raw
// prompt.
struct LiteralRange {
  size_t begin = 0, end = 0;
};

struct AddedMatch {
  size_t begin = 0, end = 0;
  int32_t id = 0;
};

class AddedTokens {
 public:
  AddedTokens() = default;
  // Takes those that match in raw text (`normalized` false) or in normalised text (true, with their contents as given).
  AddedTokens(const std::vector<AddedToken>& tokens, bool normalized);

  bool empty() const { return tokens_.empty(); }
  // Matches from left to right, disjoint. A control token matches only where it lies wholly inside one of the `literal`
  // ranges (sorted, disjoint); the others match everywhere. Takes time linear in the text times the longest token (at
  // most kMaxContent bytes).
  std::vector<AddedMatch> find_all(std::string_view text, std::span<const LiteralRange> literal) const;
  size_t memory_bytes() const;

  static constexpr size_t kMaxContent = 4096;

 private:
  const AddedToken* longest_at(std::string_view text, size_t at, size_t literal_end) const;

  std::vector<AddedToken> tokens_;  // sorted by content, bytes unsigned
  std::vector<bool> control_;
  std::bitset<256> first_bytes_;
};

}  // namespace r1
