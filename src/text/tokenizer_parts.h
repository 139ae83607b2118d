// What a tokenizer is made of, as either file format says it, before it is checked and indexed; and the reading of both
// formats.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/pretokenize.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace r1 {

struct TokenizerParts {
  StringTable tokens;  // those that merges may use, with their ids
  std::vector<int64_t> ids;
  std::vector<AddedToken> added;
  StringTable merges;  // left, right, left, right, … by rank
  int64_t rows = 0;    // GGUF: ids below it exist, used or not

  PreTokenizer pre_tokenizer;
  bool nfc = false, ignore_merges = false;
  std::optional<int32_t>
      unknown_symbol;  // stands for a byte whose symbol is not in the vocabulary; none: the byte is dropped
  bool fuse_unknown = false;

  std::vector<int32_t> prefix, suffix;  // put around a raw text on demand: bos, eos
  std::optional<int32_t> bos, eos, eot, eom, unknown, pad;
  std::string chat_template;
};

// Both throw Error(kBadModel). What can only be seen with the whole vocabulary at hand (ids taken twice, merges of
// absent tokens) is left to Vocabulary and Bpe.
TokenizerParts read_tokenizer_json(std::string_view tokenizer_json, const Json& config, const std::string& file);
TokenizerParts read_gguf_vocabulary(const GgufVocabulary& vocabulary, const std::string& file);

}  // namespace r1
