#include "text/vocabulary.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>

#include "base/error.h"
#include "base/utf8.h"

namespace r1 {
namespace {

struct ByteAlphabet {
  std::array<char32_t, 256> character;
  std::array<int, 0x144> byte;  // of a character; -1: not in the alphabet

  ByteAlphabet() {
    byte.fill(-1);
    char32_t next = 0x100;
    for (char32_t b = 0; b < 256; ++b) {
      const bool itself = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
      character[b] = itself ? b : next++;
      byte[character[b]] = static_cast<int>(b);
    }
  }
};

const ByteAlphabet& alphabet() {
  static const ByteAlphabet bytes;
  return bytes;
}

}  // namespace

std::string to_byte_alphabet(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char byte : bytes) append_utf8(text, alphabet().character[static_cast<unsigned char>(byte)]);
  return text;
}

std::string from_byte_alphabet(std::string_view token) {
  std::string bytes;
  bytes.reserve(token.size());
  for (std::string_view rest = token; !rest.empty();) {
    const DecodedCharacter character = decode_utf8(rest);
    if (character.code >= alphabet().byte.size() || alphabet().byte[character.code] < 0) return std::string(token);
    bytes += static_cast<char>(alphabet().byte[character.code]);
    rest.remove_prefix(character.bytes);
  }
  return bytes;
}

bool is_control_token(const AddedToken& token) {
  const std::string_view text = token.content;
  if (token.special) return true;
  for (const std::string_view bar : {"|", "｜"}) {  // <|im_start|>, <｜User｜>, …
    if (text.size() >= 2 + 2 * bar.size() && text.front() == '<' && text.back() == '>' &&
        text.substr(1, bar.size()) == bar && text.substr(text.size() - 1 - bar.size(), bar.size()) == bar) {
      return true;
    }
  }
  return text == "<think>" || text == "</think>" || text == "<tool_call>" || text == "</tool_call>" ||
         text == "<tool_response>" || text == "</tool_response>";
}

Vocabulary::Vocabulary(const StringTable& tokens, const std::vector<int64_t>& ids, const std::vector<AddedToken>& added,
                       int64_t rows, const std::string& file) {
  const size_t count = tokens.size() + added.size();
  if (count == 0) fail(Exit::kBadModel, "{}: the vocabulary is empty", file);
  // Files have holes between ids, but memory goes by the largest: it may lie only so far above the number of tokens.
  const int64_t limit = std::max(rows, static_cast<int64_t>(4 * count + 4096));
  int64_t size = rows;
  const auto check_id = [&](int64_t id, std::string_view text) {
    if (id < 0 || id >= limit) {
      fail(Exit::kBadModel, "{}: token '{}' has the id {}, which is out of range for {} tokens", file, text, id, count);
    }
    size = std::max(size, id + 1);
  };
  for (size_t i = 0; i < tokens.size(); ++i) check_id(ids[i], tokens[i]);
  for (const AddedToken& token : added) check_id(token.id, token.content);

  std::vector<std::string_view> texts(static_cast<size_t>(size));  // by id
  kinds_.assign(texts.size(), 0);
  for (size_t i = 0; i < tokens.size(); ++i) place(tokens[i], ids[i], kMergeable, file, texts);
  for (const AddedToken& token : added) {
    place(token.content, token.id,
          static_cast<uint8_t>(kAdded | (token.special ? kSpecial : 0) | (is_control_token(token) ? kControl : 0)),
          file, texts);
  }
  pieces_.reserve(texts.size(), tokens.text_bytes());
  bytes_.reserve(texts.size(), tokens.text_bytes());
  for (size_t id = 0; id < texts.size(); ++id) {
    pieces_.push_back(texts[id]);
    bytes_.push_back((kinds_[id] & kAdded) != 0 ? std::string(texts[id]) : from_byte_alphabet(texts[id]));
  }
  slots_.assign(std::bit_ceil(tokens.size() * 3 / 2 + 2), -1);
  index(file);
}

void Vocabulary::place(std::string_view text, int64_t id, uint8_t kinds, const std::string& file,
                       std::vector<std::string_view>& texts) {
  const auto at = static_cast<size_t>(id);
  if (!is_valid_utf8(text)) fail(Exit::kBadModel, "{}: the text of token {} is not valid UTF-8", file, id);
  if ((kinds_[at] & kinds) != 0 || (kinds_[at] != 0 && texts[at] != text)) {
    fail(Exit::kBadModel, "{}: the id {} is given to two tokens, '{}' and '{}'", file, id, texts[at], text);
  }
  kinds_[at] |= kinds;
  texts[at] = text;
}

void Vocabulary::index(const std::string& file) {
  for (int32_t id = 0; id < size(); ++id) {
    if (!mergeable(id)) continue;
    int32_t& slot = slots_[slot_of(piece(id))];
    if (slot >= 0) fail(Exit::kBadModel, "{}: the token '{}' has two ids, {} and {}", file, piece(id), slot, id);
    slot = id;
  }
}

size_t Vocabulary::slot_of(std::string_view piece) const {
  const size_t mask = slots_.size() - 1;
  size_t slot = std::hash<std::string_view>()(piece) & mask;
  while (slots_[slot] >= 0 && pieces_[static_cast<size_t>(slots_[slot])] != piece) slot = (slot + 1) & mask;
  return slot;
}

std::optional<int32_t> Vocabulary::find(std::string_view piece) const {
  const int32_t id = slots_[slot_of(piece)];
  return id >= 0 ? std::optional(id) : std::nullopt;
}

size_t Vocabulary::memory_bytes() const {
  return pieces_.memory_bytes() + bytes_.memory_bytes() + kinds_.capacity() + slots_.capacity() * sizeof(slots_[0]);
}

}  // namespace r1
