// The split patterns of the families in tokenizer.md 2, scanned by hand: each scanner finds what a backtracking
// regular-expression engine would find for its pattern (leftmost match, first alternative that matches, greedy), in one
// pass over the piece.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace r1 {

struct Match {
  size_t begin = std::string_view::npos, end = std::string_view::npos;  // bytes of the piece
  bool found() const { return begin != std::string_view::npos; }
};

// The first match that starts at `from` or later. `piece` is valid UTF-8 and `from` the border of a character.
using FindMatch = Match (*)(std::string_view piece, size_t from);

// The scanner for a pattern as tokenizer.json writes it; null if nobody has written one.
FindMatch scanner_for(std::string_view pattern);

// The patterns that have a scanner. Line breaks stand in them as \r and \n.
namespace pattern {
extern const std::string kDeepSeekV3Numbers, kDeepSeekV3Cjk, kDeepSeekV3;
extern const std::string kLineBreak, kDeepSeekLlmLetters, kDeepSeekLlmPunctuation, kTrailingSpace, kDeepSeekLlmCjk;
extern const std::string kDeepSeekCoderLetters, kDeepSeekCoderPunctuation;
extern const std::string kQwen2, kLlama3, kGpt2;
extern const std::string kNumber, kNumbers;  // what the Digits pre-tokenizer splits at
}  // namespace pattern

}  // namespace r1
