#include "text/pretokenize_scanners.h"

#include <algorithm>
#include <span>

#include "base/utf8.h"
#include "text/unicode_classes.h"

namespace r1 {
namespace {

struct Character {
  char32_t code = 0;
  uint32_t bytes = 0;  // 0 at the end of the piece
  CharacterClass set = 0;
};

inline Character character_at(std::string_view piece, size_t at) {
  if (at >= piece.size()) return {};
  const auto byte = static_cast<unsigned char>(piece[at]);
  if (byte < 0x80) return {byte, 1, class_of(byte)};
  const DecodedCharacter character = decode_utf8(piece.substr(at));
  return {character.code, character.bytes, class_of(character.code)};
}

inline bool is_line_break(char32_t code) { return code == '\r' || code == '\n'; }
inline bool is_ascii_letter(char32_t code) { return (code | 0x20) >= 'a' && (code | 0x20) <= 'z'; }

// The end of the longest run from `at` of characters for which `in` holds, at most `most` of them.
template <typename Predicate>
size_t run_end(std::string_view piece, size_t at, Predicate in, size_t most = std::string_view::npos) {
  for (; most > 0; --most) {
    const Character c = character_at(piece, at);
    if (c.bytes == 0 || !in(c)) break;
    at += c.bytes;
  }
  return at;
}

template <CharacterClass kSet>
bool in_class(const Character& c) {
  return (c.set & kSet) != 0;
}

bool breaks_line(const Character& c) { return is_line_break(c.code); }

// The functions below answer where a match that begins at `at` ends; 0 if none begins there.
using EndOfMatch = size_t (*)(std::string_view piece, size_t at);

template <EndOfMatch kEnd>
Match find(std::string_view piece, size_t from) {
  while (from < piece.size()) {
    if (const size_t end = kEnd(piece, from)) return {from, end};
    from += character_at(piece, from).bytes;
  }
  return {};
}

// \s*[\r\n]+|\s+(?!\S)|\s+ ; without line breaks only the last two.
template <bool kLineBreaks>
size_t white_space(std::string_view piece, size_t at) {
  const size_t end = run_end(piece, at, in_class<kWhiteSpace>);
  if (end == at) return 0;
  if (kLineBreaks) {
    const size_t last = piece.substr(at, end - at).find_last_of("\r\n");
    if (last != std::string_view::npos) return at + last + 1;
  }
  if (end == piece.size()) return end;
  size_t last = end - 1;  // the start of the run's last character, which stays with the word that follows
  while ((static_cast<unsigned char>(piece[last]) & 0xC0) == 0x80) --last;
  return last > at ? last : end;
}

// [^kNot\r\n]?[kRun]+
template <CharacterClass kNot, CharacterClass kRun>
size_t prefixed_run(std::string_view piece, size_t at) {
  const Character first = character_at(piece, at);
  if ((first.set & kNot) == 0 && !is_line_break(first.code)) {
    const size_t next = at + first.bytes;
    const size_t end = run_end(piece, next, in_class<kRun>);
    if (end > next) return end;
  }
  const size_t end = run_end(piece, at, in_class<kRun>);
  return end > at ? end : 0;
}

// ' ?X+' for the characters that `in` holds for; 0 if there is none.
template <typename Predicate>
size_t spaced_run(std::string_view piece, size_t at, Predicate in) {
  const size_t start = at + (piece[at] == ' ' ? 1 : 0);
  const size_t end = run_end(piece, start, in);
  return end > start ? end : 0;
}

bool is_mark_of_speech(const Character& c) { return (c.set & (kPunctuation | kSymbol)) != 0; }
bool is_other(const Character& c) { return (c.set & (kWhiteSpace | kLetter | kNumber)) == 0; }

// 's|'t|'re|'ve|'m|'ll|'d
template <bool kAnyCase>
size_t contraction(std::string_view piece, size_t at) {
  if (piece[at] != '\'') return 0;
  const std::string_view rest = piece.substr(at + 1, 2);
  const auto letter = [&](size_t i) -> char {
    if (i >= rest.size()) return 0;
    return kAnyCase && rest[i] >= 'A' && rest[i] <= 'Z' ? static_cast<char>(rest[i] | 0x20) : rest[i];
  };
  const char first = letter(0), second = letter(1);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return at + 2;
  if ((first == 'r' || first == 'v') && second == 'e') return at + 3;
  if (first == 'l' && second == 'l') return at + 3;
  if (kAnyCase && rest == "\u017F") return at + 3;  // the long s, whose capital is S
  return 0;
}

template <size_t kMost>
size_t numbers(std::string_view piece, size_t at) {
  const size_t end = run_end(piece, at, in_class<kNumber>, kMost);
  return end > at ? end : 0;
}

size_t deepseek_v3(std::string_view piece, size_t at) {
  if (const auto first = static_cast<unsigned char>(piece[at]);
      first < 0x80 && in_class<kPunctuation | kSymbol>({first, 1, class_of(first)})) {
    const size_t end = run_end(piece, at + 1, [](const Character& c) { return is_ascii_letter(c.code); });
    if (end > at + 1) return end;
  }
  if (const size_t end = prefixed_run<kLetter | kPunctuation | kSymbol, kLetter | kMark>(piece, at)) return end;
  if (const size_t end = spaced_run(piece, at, is_mark_of_speech)) return run_end(piece, end, breaks_line);
  return white_space<true>(piece, at);
}

template <size_t kDigits>
size_t llama3(std::string_view piece, size_t at) {
  if (const size_t end = contraction<true>(piece, at)) return end;
  if (const size_t end = prefixed_run<kLetter | kNumber, kLetter>(piece, at)) return end;
  if (const size_t end = numbers<kDigits>(piece, at)) return end;
  if (const size_t end = spaced_run(piece, at, is_other)) return run_end(piece, end, breaks_line);
  return white_space<true>(piece, at);
}

size_t gpt2(std::string_view piece, size_t at) {
  if (const size_t end = contraction<false>(piece, at)) return end;
  if (const size_t end = spaced_run(piece, at, in_class<kLetter>)) return end;
  if (const size_t end = spaced_run(piece, at, in_class<kNumber>)) return end;
  if (const size_t end = spaced_run(piece, at, is_other)) return end;
  return white_space<false>(piece, at);
}

struct Range {
  char32_t first, last;
};

constexpr Range kV3Cjk[] = {{0x4E00, 0x9FA5}, {0x3040, 0x309F}, {0x30A0, 0x30FF}};
constexpr Range kLlmCjk[] = {{0x4E00, 0x9FA5}, {0x0800, 0x4E00}, {0xAC00, 0xD7FF}};
constexpr Range kLlmPunctuation[] = {{0x21, 0x2F},     {0x3A, 0x7E},     {0xFF01, 0xFF0F},
                                     {0xFF1A, 0xFF5E}, {0x2018, 0x201F}, {0x3000, 0x3002}};
constexpr Range kLlmLetters[] = {
    {0x41, 0x5A},       {0x61, 0x7A},       {0xB5, 0xB5},       {0xC0, 0xD6},       {0xD8, 0xF6},
    {0xF8, 0x1BA},      {0x1BC, 0x1BF},     {0x1C4, 0x293},     {0x295, 0x2AF},     {0x370, 0x373},
    {0x376, 0x376},     {0x377, 0x377},     {0x37B, 0x37D},     {0x37F, 0x37F},     {0x386, 0x386},
    {0x388, 0x38A},     {0x38C, 0x38C},     {0x38E, 0x3A1},     {0x3A3, 0x3F5},     {0x3F7, 0x481},
    {0x48A, 0x52F},     {0x531, 0x556},     {0x10A0, 0x10C5},   {0x13A0, 0x13F5},   {0x13F8, 0x13FD},
    {0x1C90, 0x1CBA},   {0x1CBD, 0x1CBF},   {0x1D00, 0x1D2B},   {0x1D6B, 0x1D77},   {0x1D79, 0x1D9A},
    {0x1E00, 0x1F15},   {0x1F18, 0x1F1D},   {0x1F20, 0x1F45},   {0x1F48, 0x1F4D},   {0x1F50, 0x1F57},
    {0x1F59, 0x1F59},   {0x1F5B, 0x1F5B},   {0x1F5D, 0x1F5D},   {0x1F5F, 0x1F7D},   {0x1F80, 0x1FB4},
    {0x1FB6, 0x1FBC},   {0x1FBE, 0x1FBE},   {0x1FC2, 0x1FC4},   {0x1FC6, 0x1FCC},   {0x1FD0, 0x1FD3},
    {0x1FD6, 0x1FDB},   {0x1FE0, 0x1FEC},   {0x1FF2, 0x1FF4},   {0x1FF6, 0x1FFC},   {0x2102, 0x2102},
    {0x2107, 0x2107},   {0x210A, 0x2113},   {0x2115, 0x2115},   {0x2119, 0x211D},   {0x2124, 0x2124},
    {0x2126, 0x2126},   {0x2128, 0x2128},   {0x212A, 0x212D},   {0x212F, 0x2134},   {0x2139, 0x2139},
    {0x213C, 0x213F},   {0x2145, 0x2149},   {0x214E, 0x214E},   {0x2183, 0x2183},   {0x2184, 0x2184},
    {0x2C00, 0x2C7B},   {0x2C7E, 0x2CE4},   {0x2CEB, 0x2CEE},   {0x2CF2, 0x2CF2},   {0x2CF3, 0x2CF3},
    {0xA640, 0xA66D},   {0xA680, 0xA69B},   {0xA722, 0xA76F},   {0xA771, 0xA787},   {0xA78B, 0xA78E},
    {0xAB70, 0xABBF},   {0xFB00, 0xFB06},   {0xFB13, 0xFB17},   {0xFF21, 0xFF3A},   {0xFF41, 0xFF5A},
    {0x10400, 0x1044F}, {0x104B0, 0x104D3}, {0x104D8, 0x104FB}, {0x10C80, 0x10CB2}, {0x10CC0, 0x10CF2},
    {0x118A0, 0x118DF}, {0x1E900, 0x1E943}};

template <const auto& kRanges>
bool in_ranges(const Character& c) {
  return std::any_of(std::begin(kRanges), std::end(kRanges),
                     [&](const Range& range) { return c.code >= range.first && c.code <= range.last; });
}

// [ranges]+
template <const auto& kRanges>
size_t run_of_ranges(std::string_view piece, size_t at) {
  const size_t end = run_end(piece, at, in_ranges<kRanges>);
  return end > at ? end : 0;
}

// \s?X+ ; X holds no white space but U+3000 in kLlmPunctuation, so a white first character is tried as prefix, then as
// part of the run.
template <typename Predicate>
size_t white_spaced_run(std::string_view piece, size_t at, Predicate in) {
  const Character first = character_at(piece, at);
  if (first.set == kWhiteSpace) {
    const size_t end = run_end(piece, at + first.bytes, in);
    if (end > at + first.bytes) return end;
  }
  const size_t end = run_end(piece, at, in);
  return end > at ? end : 0;
}

template <const auto& kRanges>
size_t white_spaced_ranges(std::string_view piece, size_t at) {
  return white_spaced_run(piece, at, in_ranges<kRanges>);
}

template <CharacterClass kSet>
size_t white_spaced_class(std::string_view piece, size_t at) {
  return white_spaced_run(piece, at, in_class<kSet>);
}

size_t line_break(std::string_view piece, size_t at) {
  return is_line_break(static_cast<unsigned char>(piece[at])) ? at + 1 : 0;
}

// \s+$ ; '$' stands before a line feed too, as the engine that the patterns are written for has it. Run by run: a run
// without an end of line would else be walked again from each of its characters.
Match find_trailing_space(std::string_view piece, size_t from) {
  while (from < piece.size()) {
    const Character first = character_at(piece, from);
    if (first.set != kWhiteSpace) {
      from += first.bytes;
      continue;
    }
    const size_t end = run_end(piece, from, in_class<kWhiteSpace>);
    if (end == piece.size()) return {from, end};
    const size_t last = piece.substr(from, end - from).rfind('\n');
    if (last != std::string_view::npos && last > 0) return {from, from + last};
    from = end;
  }
  return {};
}

// "[A-Zµ…]" as tokenizer.json writes a class.
std::string class_text(std::span<const Range> ranges) {
  std::string text = "[";
  for (const Range& range : ranges) {
    append_utf8(text, range.first);
    if (range.first == range.last) continue;
    text += '-';
    append_utf8(text, range.last);
  }
  return text + "]";
}

}  // namespace

namespace pattern {
const std::string kDeepSeekV3Numbers = R"(\p{N}{1,3})";
const std::string kDeepSeekV3Cjk = class_text(kV3Cjk) + "+";
const std::string kDeepSeekV3 =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const std::string kLineBreak = R"([\r\n])";
const std::string kDeepSeekLlmLetters = R"(\s?)" + class_text(kLlmLetters) + "+";
const std::string kDeepSeekLlmPunctuation = R"(\s?)" + class_text(kLlmPunctuation) + "+";
const std::string kTrailingSpace = R"(\s+$)";
const std::string kDeepSeekLlmCjk = class_text(kLlmCjk) + "+";
const std::string kDeepSeekCoderLetters = R"(\s?\p{L}+)";
const std::string kDeepSeekCoderPunctuation = R"(\s?\p{P}+)";
const std::string kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const std::string kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const std::string kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
const std::string kNumber = R"(\p{N})";
const std::string kNumbers = R"(\p{N}+)";
}  // namespace pattern

FindMatch scanner_for(std::string_view text) {
  constexpr size_t kAny = std::string_view::npos;
  const struct {
    const std::string& text;
    FindMatch find;
  } scanners[] = {
      {pattern::kDeepSeekV3Numbers, find<numbers<3>>},
      {pattern::kDeepSeekV3Cjk, find<run_of_ranges<kV3Cjk>>},
      {pattern::kDeepSeekV3, find<deepseek_v3>},
      {pattern::kLineBreak, find<line_break>},
      {pattern::kDeepSeekLlmLetters, find<white_spaced_ranges<kLlmLetters>>},
      {pattern::kDeepSeekLlmPunctuation, find<white_spaced_ranges<kLlmPunctuation>>},
      {pattern::kTrailingSpace, find_trailing_space},
      {pattern::kDeepSeekLlmCjk, find<run_of_ranges<kLlmCjk>>},
      {pattern::kDeepSeekCoderLetters, find<white_spaced_class<kLetter>>},
      {pattern::kDeepSeekCoderPunctuation, find<white_spaced_class<kPunctuation>>},
      {pattern::kQwen2, find<llama3<1>>},
      {pattern::kLlama3, find<llama3<3>>},
      {pattern::kGpt2, find<gpt2>},
      {pattern::kNumber, find<numbers<1>>},
      {pattern::kNumbers, find<numbers<kAny>>},
  };
  std::string written;  // the same pattern with its line breaks spelled out
  for (const char c : text) {
    if (c == '\r' || c == '\n') {
      written += c == '\r' ? "\\r" : "\\n";
    } else {
      written += c;
    }
  }
  for (const auto& scanner : scanners) {
    if (scanner.text == written) return scanner.find;
  }
  return nullptr;
}

}  // namespace r1
