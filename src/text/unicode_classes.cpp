#include "text/unicode_classes.h"

#include <utf8proc.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"

namespace r1 {
namespace {

std::vector<utf8proc_int32_t> decompose(std::string_view text) {
  std::vector<utf8proc_int32_t> codes;
  codes.reserve(text.size() + 8);
  while (!text.empty()) {
    const DecodedCharacter character = decode_utf8(text);
    text.remove_prefix(character.bytes);
    utf8proc_int32_t parts[8];  // no canonical decomposition is longer than 4
    int boundary = 0;
    const auto count =
        utf8proc_decompose_char(static_cast<utf8proc_int32_t>(character.code), parts, 8,
                                static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE), &boundary);
    R1_CHECK(count >= 0 && count <= 8, "U+{:04X}", static_cast<uint32_t>(character.code));
    codes.insert(codes.end(), parts, parts + count);
  }
  return codes;
}

// Canonical order. utf8proc would sort by exchanging neighbours: quadratic in a long run of marks, which anybody may
// send.
void order_marks(std::vector<utf8proc_int32_t>& codes) {
  const auto combining = [](utf8proc_int32_t code) { return utf8proc_get_property(code)->combining_class; };
  for (auto begin = codes.begin(); begin != codes.end();) {
    if (combining(*begin) == 0) {
      ++begin;
      continue;
    }
    const auto end = std::find_if(begin, codes.end(), [&](auto code) { return combining(code) == 0; });
    std::stable_sort(begin, end, [&](auto a, auto b) { return combining(a) < combining(b); });
    begin = end;
  }
}

}  // namespace

std::string normalize_nfc(std::string_view text) {
  // Nothing below U+0300 composes with what stands before it, nor decomposes for good.
  if (std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0xCC; })) {
    return std::string(text);
  }
  std::vector<utf8proc_int32_t> codes = decompose(text);
  order_marks(codes);
  const auto count = utf8proc_normalize_utf32(codes.data(), static_cast<utf8proc_ssize_t>(codes.size()),
                                              static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  R1_CHECK(count >= 0, "utf8proc answers {}", count);
  std::string normalized;
  normalized.reserve(text.size());
  for (utf8proc_ssize_t i = 0; i < count; ++i)
    append_utf8(normalized, static_cast<char32_t>(codes[static_cast<size_t>(i)]));
  return normalized;
}

}  // namespace r1
