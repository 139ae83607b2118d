// Unicode 16.0 general categories and White_Space, from a table of our own, so that ids do not depend on the
// distribution's library; and normalisation to NFC (tokenizer.md 2.1, 2.4).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace r1 {

// Bits, so that a set of classes is a sum. A character has at most one; the rest (controls, format characters,
// unassigned) have none.
using CharacterClass = uint8_t;
inline constexpr CharacterClass kLetter = 1, kMark = 2, kNumber = 4, kPunctuation = 8, kSymbol = 16, kWhiteSpace = 32;

extern const uint16_t kUnicodeBlocks[0x32400 / 64];  // unicode_table.cpp
extern const uint8_t kUnicodeClasses[];

inline CharacterClass class_of(char32_t code) {
  if (code < 0x32400) return kUnicodeClasses[kUnicodeBlocks[code / 64] * 64 + code % 64];
  return code >= 0xE0100 && code <= 0xE01EF ? kMark : 0;  // variation selectors
}

inline bool is_letter(char32_t code) { return class_of(code) == kLetter; }
inline bool is_mark(char32_t code) { return class_of(code) == kMark; }
inline bool is_number(char32_t code) { return class_of(code) == kNumber; }
inline bool is_punctuation(char32_t code) { return class_of(code) == kPunctuation; }
inline bool is_symbol(char32_t code) { return class_of(code) == kSymbol; }
inline bool is_white_space(char32_t code) { return class_of(code) == kWhiteSpace; }

// True where NFC may compose or reorder `code` with what stands before it. A text may be cut before a character for
// which this is false, and its parts normalised one by one.
inline bool joins_previous(char32_t code) {
  return is_mark(code) || (code >= 0x1160 && code <= 0x11FF) || (code >= 0x16D63 && code <= 0x16D6A);
}

// NFC of valid UTF-8, in time n log n at worst.
std::string normalize_nfc(std::string_view text);

}  // namespace r1
