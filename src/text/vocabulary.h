// Vocabulary: what each id is: its text as the file writes it, its bytes, and what kind of token it is; and the way
// back from text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace r1 {

// Many strings in one piece of memory, 4 GiB together at most (Error).
class StringTable {
 public:
  void push_back(std::string_view text) {
    if (text.size() > UINT32_MAX - bytes_.size())
      fail(Exit::kBadModel, "a vocabulary of more than 4 GiB of text is not supported");
    bytes_ += text;
    ends_.push_back(static_cast<uint32_t>(bytes_.size()));
  }
  void reserve(size_t strings, size_t bytes) {
    ends_.reserve(strings);
    bytes_.reserve(bytes);
  }
  std::string_view operator[](size_t i) const {
    const size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(bytes_).substr(begin, ends_[i] - begin);
  }
  size_t size() const { return ends_.size(); }
  size_t text_bytes() const { return bytes_.size(); }
  size_t memory_bytes() const { return bytes_.capacity() + ends_.capacity() * sizeof(ends_[0]); }

 private:
  std::string bytes_;
  std::vector<uint32_t> ends_;
};

// Byte-level BPE writes each byte as one visible character (tokenizer.md 1.1).
std::string to_byte_alphabet(std::string_view bytes);
// The bytes that an ordinary token stands for: through the alphabet where all its characters belong to it, else its own
// UTF-8.
std::string from_byte_alphabet(std::string_view token);

// A token that is found in the text itself, before any word is cut (tokenizer.md 1.2).
struct AddedToken {
  int32_t id = 0;
  std::string content;
  bool single_word = false, lstrip = false, rstrip = false, normalized = false;
  bool special = false;  // left out of a decoded text on demand; GGUF's control tokens are special
};

// True for what may never come out of a message: special tokens, and the role, think and tool tokens, which not every
// file marks so.
bool is_control_token(const AddedToken& token);

class Vocabulary {
 public:
  // Token i of `tokens` has the id ids[i]; added tokens may stand among them (then they take part in merges too) or
  // not. Ids that nobody uses, below `rows` or between others, are unused ones. Throws Error(kBadModel): no tokens; an
  // id that is negative, far above the number of tokens, or taken twice; a text that occurs twice or is not valid
  // UTF-8.
  Vocabulary(const StringTable& tokens, const std::vector<int64_t>& ids, const std::vector<AddedToken>& added,
             int64_t rows, const std::string& file);

  int32_t size() const { return static_cast<int32_t>(kinds_.size()); }
  std::string_view piece(int32_t id) const { return pieces_[static_cast<size_t>(id)]; }
  std::string_view bytes(int32_t id) const { return bytes_[static_cast<size_t>(id)]; }
  // By the text as the file writes it, among the tokens that merges may use.
  std::optional<int32_t> find(std::string_view piece) const;

  bool mergeable(int32_t id) const { return has(id, kMergeable); }
  bool is_added(int32_t id) const { return has(id, kAdded); }
  bool is_special(int32_t id) const { return has(id, kSpecial); }
  bool is_control(int32_t id) const { return has(id, kControl); }
  bool is_unused(int32_t id) const { return id < 0 || id >= size() || kinds_[static_cast<size_t>(id)] == 0; }
  size_t memory_bytes() const;

 private:
  enum Kind : uint8_t { kMergeable = 1, kAdded = 2, kSpecial = 4, kControl = 8 };
  bool has(int32_t id, Kind kind) const {
    return id >= 0 && id < size() && (kinds_[static_cast<size_t>(id)] & kind) != 0;
  }
  size_t slot_of(std::string_view piece) const;
  void place(std::string_view text, int64_t id, uint8_t kinds, const std::string& file,
             std::vector<std::string_view>& texts);
  void index(const std::string& file);

  StringTable pieces_, bytes_;
  std::vector<uint8_t> kinds_;  // a sum of Kind; 0 for an unused id
  std::vector<int32_t> slots_;  // hash table by piece, linear probing: id or -1
};

}  // namespace r1
