#include "text/jinja_strings.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstring>

#include "text/jinja_fault.h"
#include "text/jinja_special_cases.h"

namespace r1::jinja {
namespace {

constexpr size_t kNone = std::string_view::npos;

// The character that ends at byte `end` > 0.
DecodedCharacter decode_before(std::string_view text, size_t end) {
  for (size_t bytes = std::min<size_t>(4, end); bytes > 1; --bytes) {
    const DecodedCharacter c = decode_utf8(text.substr(end - bytes, bytes));
    if (c.valid && c.bytes == bytes) return c;
  }
  DecodedCharacter last = decode_utf8(text.substr(end - 1, 1));
  last.bytes = 1;
  return last;
}

void add_piece(std::vector<Text>& pieces, const Text& text, size_t begin, size_t end) {
  if (pieces.size() >= Limits::kPieces) mistake("a string is split into more than {} parts", Limits::kPieces);
  pieces.push_back(text.slice(begin, end));
}

std::vector<Text> split_at_space(const Text& text, int64_t most) {
  const std::string_view view = text.view();
  std::vector<Text> pieces;
  size_t at = 0;
  const auto skip = [&](bool space) {
    while (at < view.size()) {
      const DecodedCharacter c = decode_utf8(view.substr(at));
      if (is_space(c.code) != space) break;
      at += c.bytes;
    }
  };
  for (skip(true); at < view.size(); skip(true)) {
    const size_t begin = at;
    if (most != kAll && static_cast<int64_t>(pieces.size()) >= most) {
      add_piece(pieces, text, begin, view.size());
      break;
    }
    skip(false);
    add_piece(pieces, text, begin, at);
  }
  return pieces;
}

std::vector<Text> rsplit_at_space(const Text& text, int64_t most) {
  const std::string_view view = text.view();
  std::vector<Text> pieces;
  size_t at = view.size();
  const auto skip = [&](bool space) {
    while (at > 0) {
      const DecodedCharacter c = decode_before(view, at);
      if (is_space(c.code) != space) break;
      at -= c.bytes;
    }
  };
  for (skip(true); at > 0; skip(true)) {
    const size_t end = at;
    if (most != kAll && static_cast<int64_t>(pieces.size()) >= most) {
      add_piece(pieces, text, 0, end);
      break;
    }
    skip(false);
    add_piece(pieces, text, at, end);
  }
  std::reverse(pieces.begin(), pieces.end());
  return pieces;
}

std::vector<Text> split_at(const Text& text, std::string_view separator, int64_t most) {
  std::vector<Text> pieces;
  size_t begin = 0;
  while (most == kAll || static_cast<int64_t>(pieces.size()) < most) {
    const size_t found = find_text(text.view(), separator, begin);
    if (found == kNone) break;
    add_piece(pieces, text, begin, found);
    begin = found + separator.size();
  }
  add_piece(pieces, text, begin, text.size());
  return pieces;
}

std::string reversed(std::string_view text) { return {text.rbegin(), text.rend()}; }

std::vector<Text> rsplit_at(const Text& text, std::string_view separator, int64_t most) {
  const std::string backwards = reversed(text.view()), wanted = reversed(separator);
  std::vector<Text> pieces;
  size_t begin = 0;  // in `backwards`
  while (most == kAll || static_cast<int64_t>(pieces.size()) < most) {
    const size_t found = find_text(backwards, wanted, begin);
    if (found == kNone) break;
    add_piece(pieces, text, text.size() - found, text.size() - begin);
    begin = found + wanted.size();
  }
  add_piece(pieces, text, 0, text.size() - begin);
  std::reverse(pieces.begin(), pieces.end());
  return pieces;
}

bool has_case(char32_t code) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(code));
  return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL || category == UTF8PROC_CATEGORY_LT;
}

// A capital sigma becomes a final one at the end of a word.
bool is_final_sigma(std::string_view text, size_t at, size_t bytes) {
  const bool after_letter = at > 0 && has_case(decode_before(text, at).code);
  return after_letter && (at + bytes >= text.size() || !has_case(decode_utf8(text.substr(at + bytes)).code));
}

}  // namespace

bool is_space(char32_t c) {
  return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

size_t count_characters(std::string_view text) {
  size_t count = 0;
  for (size_t at = 0; at < text.size(); ++count) at += character_bytes(text, at);
  return count;
}

// memmem is linear; std::string_view::find is quadratic on texts that are made for it.
size_t find_text(std::string_view text, std::string_view wanted, size_t from) {
  if (from > text.size()) return kNone;
  if (wanted.empty()) return from;
  const void* found = memmem(text.data() + from, text.size() - from, wanted.data(), wanted.size());
  return found == nullptr ? kNone : static_cast<size_t>(static_cast<const char*>(found) - text.data());
}

size_t rfind_text(std::string_view text, std::string_view wanted) {
  const size_t found = find_text(reversed(text), reversed(wanted), 0);
  return found == kNone ? kNone : text.size() - found - wanted.size();
}

Text strip(const Text& text, bool left, bool right, std::optional<std::string_view> characters) {
  const std::string_view view = text.view();
  std::vector<char32_t> set;
  for (size_t at = 0; characters && at < characters->size();) {
    const DecodedCharacter c = decode_utf8(characters->substr(at));
    set.push_back(c.code);
    at += c.bytes;
  }
  std::sort(set.begin(), set.end());
  const auto goes = [&](const DecodedCharacter& c) {
    return characters ? std::binary_search(set.begin(), set.end(), c.code) : is_space(c.code);
  };
  size_t begin = 0, end = view.size();
  for (DecodedCharacter c; left && begin < end && goes(c = decode_utf8(view.substr(begin)));) begin += c.bytes;
  for (DecodedCharacter c; right && end > begin && goes(c = decode_before(view, end));) end -= c.bytes;
  return text.slice(begin, end);
}

std::vector<Text> split(const Text& text, std::optional<std::string_view> separator, int64_t most, bool from_right) {
  if (most < 0) most = kAll;
  if (!separator) return from_right ? rsplit_at_space(text, most) : split_at_space(text, most);
  if (separator->empty()) mistake("split by an empty separator");
  return from_right ? rsplit_at(text, *separator, most) : split_at(text, *separator, most);
}

std::vector<Text> split_lines(const Text& text, bool keep_ends) {
  const std::string_view view = text.view();
  std::vector<Text> lines;
  size_t begin = 0;
  for (size_t at = 0; at < view.size();) {
    const DecodedCharacter c = decode_utf8(view.substr(at));
    const size_t end = at;
    at += c.bytes;
    const bool ends = (c.code >= 10 && c.code <= 13) || (c.code >= 28 && c.code <= 30) || c.code == 0x85 ||
                      c.code == 0x2028 || c.code == 0x2029;
    if (!ends) continue;
    if (c.code == '\r' && at < view.size() && view[at] == '\n') ++at;
    add_piece(lines, text, begin, keep_ends ? at : end);
    begin = at;
  }
  if (begin < view.size()) add_piece(lines, text, begin, view.size());
  return lines;
}

Text replace(const Text& text, std::string_view wanted, const Text& replacement, int64_t most) {
  const std::string_view view = text.view();
  Text out;
  size_t at = 0;
  for (int64_t done = 0; most < 0 || done < most; ++done) {
    if (out.size() > Limits::kText) mistake("a string grows beyond {} MiB", Limits::kText >> 20);
    if (wanted.empty()) {  // before every character and at the end
      out.append(replacement);
      if (at == view.size()) return out;
      const size_t next = at + character_bytes(view, at);
      out.append(text, at, next);
      at = next;
      continue;
    }
    const size_t found = find_text(view, wanted, at);
    if (found == kNone) break;
    out.append(text, at, found);
    out.append(replacement);
    at = found + wanted.size();
  }
  out.append(text, at, view.size());
  return out;
}

Text pick_characters(const Text& text, int64_t start, int64_t step, int64_t count) {
  const std::string_view view = text.view();
  Text out;
  if (count <= 0) return out;
  std::vector<size_t> borders;  // byte where each character starts
  for (size_t at = 0; at < view.size(); at += character_bytes(view, at)) borders.push_back(at);
  borders.push_back(view.size());
  if (step == 1) return text.slice(borders[static_cast<size_t>(start)], borders[static_cast<size_t>(start + count)]);
  for (int64_t i = 0; i < count; ++i) {
    const size_t index = static_cast<size_t>(start + i * step);
    out.append(text, borders[index], borders[index + 1]);
  }
  return out;
}

void append_cased(std::string& out, char32_t code, Casing casing) {
  if (code < 0x80) {
    const bool upper = code >= 'A' && code <= 'Z', lower = code >= 'a' && code <= 'z';
    out.push_back(
        static_cast<char>(casing == Casing::kLower ? (upper ? code + 32 : code) : (lower ? code - 32 : code)));
    return;
  }
  if (casing == Casing::kLower) {
    append_utf8(out,
                code == 0x130 ? 'i' : static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code))));
    if (code == 0x130) append_utf8(out, 0x307);  // dotted capital I keeps its dot
    return;
  }
  const auto* special = std::lower_bound(std::begin(kSpecialCases), std::end(kSpecialCases), code,
                                         [](const SpecialCase& row, char32_t wanted) { return row.code < wanted; });
  if (special != std::end(kSpecialCases) && special->code == code) {
    for (const char32_t c : casing == Casing::kUpper ? special->upper : special->title) {
      if (c != 0) append_utf8(out, c);
    }
    return;
  }
  const auto simple = static_cast<utf8proc_int32_t>(code);
  append_utf8(out,
              static_cast<char32_t>(casing == Casing::kUpper ? utf8proc_toupper(simple) : utf8proc_totitle(simple)));
}

Text change_case(const Text& text, Casing casing) {
  const std::string_view view = text.view();
  Text out;
  std::string cased;
  bool in_word = false;
  for (size_t at = 0; at < view.size();) {
    const DecodedCharacter c = decode_utf8(view.substr(at));
    const Casing here = casing == Casing::kTitle && in_word ? Casing::kLower : casing;
    cased.clear();
    if (!c.valid) {
      cased = view.substr(at, c.bytes);
    } else if (c.code == 0x3A3 && here == Casing::kLower && is_final_sigma(view, at, c.bytes)) {
      append_utf8(cased, 0x3C2);
    } else {
      append_cased(cased, c.code, here);
    }
    out.append(cased, text.literal_at(at));
    in_word = has_case(c.code);
    at += c.bytes;
  }
  return out;
}

Text capitalize(const Text& text) {
  if (text.empty()) return text;
  const size_t first = character_bytes(text.view(), 0);
  Text out = change_case(text.slice(0, first), Casing::kTitle);
  out.append(change_case(text.slice(first, text.size()), Casing::kLower));
  return out;
}

std::string escape_in_repr(const DecodedCharacter& character, char quote) {
  const char32_t code = character.code;
  if (code == static_cast<unsigned char>(quote) || code == '\\') return {'\\', static_cast<char>(code)};
  if (code == '\n') return "\\n";
  if (code == '\r') return "\\r";
  if (code == '\t') return "\\t";
  if (code == ' ' || !character.valid) return "";
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(code));
  const bool separator =
      category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP;
  const bool other = category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
                     category == UTF8PROC_CATEGORY_CN || category == UTF8PROC_CATEGORY_CS ||
                     category == UTF8PROC_CATEGORY_CO;
  if (!separator && !other) return "";
  if (code <= 0xFF) return fmt::format("\\x{:02x}", static_cast<uint32_t>(code));
  if (code <= 0xFFFF) return fmt::format("\\u{:04x}", static_cast<uint32_t>(code));
  return fmt::format("\\U{:08x}", static_cast<uint32_t>(code));
}

}  // namespace r1::jinja
