#include "base/utf8.h"

#include <cstring>

namespace r1 {
namespace {

struct Lead {
  uint32_t length;            // of the whole character; 0: no character begins with this byte
  unsigned char least, most;  // limits of the second byte
};

Lead lead_of(unsigned char byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

// How many bytes of `text`, from its first, can belong to one character that begins with `lead`.
uint32_t matching_bytes(std::string_view text, const Lead& lead) {
  uint32_t taken = 1;
  while (taken < lead.length && taken < text.size()) {
    const auto byte = static_cast<unsigned char>(text[taken]);
    const bool fits = taken == 1 ? byte >= lead.least && byte <= lead.most : (byte & 0xC0) == 0x80;
    if (!fits) break;
    ++taken;
  }
  return taken;
}

bool eight_ascii(const char* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof(word));
  return (word & 0x8080808080808080u) == 0;
}

}  // namespace

DecodedCharacter decode_utf8(std::string_view text) {
  if (text.empty()) return {};
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return {first, 1, true};
  const Lead lead = lead_of(first);
  const uint32_t taken = matching_bytes(text, lead);
  if (taken != lead.length) return {kReplacementCharacter, taken, false};
  char32_t code = first & (0xFFu >> (lead.length + 1));
  for (uint32_t i = 1; i < taken; ++i) code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3Fu);
  return {code, taken, true};
}

size_t find_invalid_utf8(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    if (text.size() - at >= 8 && eight_ascii(text.data() + at)) {
      at += 8;
      continue;
    }
    const DecodedCharacter character = decode_utf8(text.substr(at));
    if (!character.valid) return at;
    at += character.bytes;
  }
  return text.size();
}

bool is_valid_utf8(std::string_view text) { return find_invalid_utf8(text) == text.size(); }

std::string replace_invalid_utf8(std::string_view text) {
  std::string repaired;
  repaired.reserve(text.size());
  while (true) {
    const size_t valid = find_invalid_utf8(text);
    repaired.append(text.substr(0, valid));
    text.remove_prefix(valid);
    if (text.empty()) return repaired;
    append_utf8(repaired, kReplacementCharacter);
    text.remove_prefix(decode_utf8(text).bytes);
  }
}

size_t incomplete_utf8_tail(std::string_view text) {
  for (size_t length = 1; length <= 3 && length <= text.size(); ++length) {
    const std::string_view tail = text.substr(text.size() - length);
    const auto first = static_cast<unsigned char>(tail[0]);
    if ((first & 0xC0) == 0x80) continue;  // a continuation byte: its lead may stand further left
    const Lead lead = lead_of(first);
    return lead.length > length && matching_bytes(tail, lead) == length ? length : 0;
  }
  return 0;
}

void append_utf8(std::string& text, char32_t code) {
  if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) code = kReplacementCharacter;
  const auto continuation = [code](int shift) { return static_cast<char>(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += {static_cast<char>(0xC0 | code >> 6), continuation(0)};
  } else if (code < 0x10000) {
    text += {static_cast<char>(0xE0 | code >> 12), continuation(6), continuation(0)};
  } else {
    text += {static_cast<char>(0xF0 | code >> 18), continuation(12), continuation(6), continuation(0)};
  }
}

}  // namespace r1
