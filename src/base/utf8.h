// UTF-8: decode, encode, repair. The rules are the Unicode Standard's table 3-7: no surrogates, no overlong forms,
// nothing above U+10FFFF. Invalid bytes fall into maximal invalid parts (a lead byte with the continuation bytes that
// could have followed it, or a single byte); each part counts as one U+FFFD.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace r1 {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

struct DecodedCharacter {
  char32_t code = kReplacementCharacter;  // U+FFFD where invalid
  uint32_t bytes = 0;                     // bytes taken: at least 1 of a text that is not empty
  bool valid = false;
};

// The first character, or the first maximal invalid part, of `text`.
DecodedCharacter decode_utf8(std::string_view text);

bool is_valid_utf8(std::string_view text);

// Where in `text` the first invalid part starts; text.size() if there is none.
size_t find_invalid_utf8(std::string_view text);

// The same text with every maximal invalid part replaced by U+FFFD.
std::string replace_invalid_utf8(std::string_view text);

// How many bytes at the end of `text` (0 to 3) begin a character that further bytes could still complete.
size_t incomplete_utf8_tail(std::string_view text);

// Appends the character's bytes; a surrogate or a code above U+10FFFF becomes U+FFFD.
void append_utf8(std::string& text, char32_t code);

}  // namespace r1
