#include "text/added_tokens.h"

#include <algorithm>

#include "base/utf8.h"
#include "text/unicode_classes.h"

namespace r1 {
namespace {

size_t previous_character(std::string_view text, size_t at) {
  do {
    --at;
  } while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  return at;
}

bool is_word_character(char32_t code) { return (class_of(code) & (kLetter | kMark | kNumber)) != 0 || code == '_'; }

bool stands_alone(std::string_view text, size_t begin, size_t end) {
  if (begin > 0 && is_word_character(decode_utf8(text.substr(previous_character(text, begin))).code)) return false;
  return end == text.size() || !is_word_character(decode_utf8(text.substr(end)).code);
}

size_t skip_white_space_left(std::string_view text, size_t at, size_t border) {
  while (at > border) {
    const size_t previous = previous_character(text, at);
    if (!is_white_space(decode_utf8(text.substr(previous)).code)) break;
    at = previous;
  }
  return at;
}

size_t skip_white_space_right(std::string_view text, size_t at) {
  while (at < text.size()) {
    const DecodedCharacter character = decode_utf8(text.substr(at));
    if (!is_white_space(character.code)) break;
    at += character.bytes;
  }
  return at;
}

}  // namespace

AddedTokens::AddedTokens(const std::vector<AddedToken>& tokens, bool normalized) {
  for (const AddedToken& token : tokens) {
    if (token.normalized == normalized && !token.content.empty()) tokens_.push_back(token);
  }
  // std::string compares bytes as unsigned, and a prefix comes before what it is a prefix of.
  std::sort(tokens_.begin(), tokens_.end(),
            [](const AddedToken& a, const AddedToken& b) { return a.content < b.content; });
  for (const AddedToken& token : tokens_) {
    control_.push_back(is_control_token(token));
    first_bytes_.set(static_cast<unsigned char>(token.content.front()));
  }
}

const AddedToken* AddedTokens::longest_at(std::string_view text, size_t at, size_t literal_end) const {
  const AddedToken* best = nullptr;
  auto first = tokens_.begin(), last = tokens_.end();  // the tokens that begin with text[at, at + depth)
  for (size_t depth = 0; first != last && at + depth < text.size(); ++depth) {
    const auto byte = static_cast<unsigned char>(text[at + depth]);
    const auto byte_of = [depth](const AddedToken& token) {
      return depth < token.content.size() ? static_cast<unsigned char>(token.content[depth]) : -1;
    };
    first = std::partition_point(first, last, [&](const AddedToken& token) { return byte_of(token) < byte; });
    last = std::partition_point(first, last, [&](const AddedToken& token) { return byte_of(token) <= byte; });
    if (first == last || first->content.size() != depth + 1) continue;
    const bool control = control_[static_cast<size_t>(first - tokens_.begin())];
    if (!control || at + depth + 1 <= literal_end) best = &*first;
  }
  return best;
}

std::vector<AddedMatch> AddedTokens::find_all(std::string_view text, std::span<const LiteralRange> literal) const {
  std::vector<AddedMatch> matches;
  size_t done = 0, range = 0;
  for (size_t at = 0; at < text.size();) {
    if (!first_bytes_[static_cast<unsigned char>(text[at])]) {
      ++at;
      continue;
    }
    while (range < literal.size() && literal[range].end <= at) ++range;
    const bool inside = range < literal.size() && literal[range].begin <= at;
    const AddedToken* token = longest_at(text, at, inside ? literal[range].end : at);
    if (token == nullptr) {
      ++at;
      continue;
    }
    size_t begin = at, end = at + token->content.size();
    at = end;
    if (token->single_word && !stands_alone(text, begin, end)) continue;
    if (token->lstrip) begin = skip_white_space_left(text, begin, done);
    if (token->rstrip) end = skip_white_space_right(text, end);
    matches.push_back({begin, end, token->id});
    at = done = end;
  }
  return matches;
}

size_t AddedTokens::memory_bytes() const {
  size_t bytes = tokens_.capacity() * sizeof(AddedToken) + control_.capacity() / 8;
  for (const AddedToken& token : tokens_) bytes += token.content.capacity();
  return bytes;
}

}  // namespace r1
