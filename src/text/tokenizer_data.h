// What a Tokenizer holds: shared by its encoding (tokenizer.cpp) and its writing (tokenizer_export.cpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/pretokenize.h"
#include "text/tokenizer.h"
#include "text/tokenizer_parts.h"
#include "text/vocabulary.h"

namespace r1 {

struct Tokenizer::Data {
  Data(TokenizerParts&& parts, const std::string& file);

  Vocabulary vocabulary;
  Bpe bpe;
  std::vector<AddedToken> added_list;   // as the file has them
  AddedTokens added, added_normalized;  // first and second pass
  PreTokenizer pre_tokenizer;
  bool nfc, ignore_merges;
  int32_t unknown_symbol;  // -1: a byte without a symbol is dropped
  std::vector<int32_t> prefix, suffix;
  std::optional<int32_t> bos, eos, eot, eom, unknown, pad;
  std::optional<int32_t> think_open, think_close;

  std::optional<int32_t> find(std::string_view token) const;  // an added token, or one of the vocabulary
};

}  // namespace r1
