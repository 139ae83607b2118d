// Python's string operations on Text: every piece keeps its provenance, and positions count characters, not bytes.
// All run in time linear in what they read and write; results beyond the limits are Faults.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "text/jinja_text.h"

namespace r1::jinja {

inline constexpr int64_t kAll = -1;  // no limit to replacements or splits

// Bytes of the character at byte `at` < text.size().
inline size_t character_bytes(std::string_view text, size_t at) {
  return static_cast<unsigned char>(text[at]) < 0x80 ? 1 : decode_utf8(text.substr(at)).bytes;
}
bool is_space(char32_t code);  // str.isspace()
size_t count_characters(std::string_view text);

// Byte position of the first, or last, occurrence; npos if there is none.
size_t find_text(std::string_view text, std::string_view wanted, size_t from);
size_t rfind_text(std::string_view text, std::string_view wanted);

// Without `characters` white space is stripped, with it every character of that set.
Text strip(const Text& text, bool left, bool right, std::optional<std::string_view> characters = std::nullopt);
// Without a separator: at runs of white space, without empty parts. At most `most` cuts, from the left or the right.
std::vector<Text> split(const Text& text, std::optional<std::string_view> separator, int64_t most, bool from_right);
std::vector<Text> split_lines(const Text& text, bool keep_ends);
Text replace(const Text& text, std::string_view wanted, const Text& replacement, int64_t most);
// text[start:stop:step] after Python's clipping: `count` characters from `start` on, every `step`-th.
Text pick_characters(const Text& text, int64_t start, int64_t step, int64_t count);

enum class Casing { kUpper, kLower, kTitle };
void append_cased(std::string& out, char32_t code, Casing casing);
Text change_case(const Text& text, Casing casing);  // kTitle: str.title(), words begin after anything without case
Text capitalize(const Text& text);

// How the character is written inside a printed list, where not as itself; else "".
std::string escape_in_repr(const DecodedCharacter& character, char quote);

}  // namespace r1::jinja
