// Reads the vocabulary of a GGUF file (formats.md 3.3).
#include <limits>
#include <unordered_map>

#include "base/utf8.h"
#include "text/tokenizer_parts.h"

namespace r1 {
namespace {

// Older files call the rows without a token user-defined; they are known by their text.
bool is_padding(std::string_view text, size_t id) { return text == "[PAD" + std::to_string(id) + "]"; }

void check_special_id(std::optional<int32_t> id, const char* name, size_t rows, const std::string& file) {
  if (id && (*id < 0 || static_cast<size_t>(*id) >= rows)) {
    fail(Exit::kBadModel, "{}: tokenizer.ggml.{}_token_id is {}, but the vocabulary has {} tokens", file, name, *id,
         rows);
  }
}

void read_tokens(const GgufVocabulary& vocabulary, const std::string& file, TokenizerParts& parts) {
  if (vocabulary.tokens.empty()) fail(Exit::kBadModel, "{}: tokenizer.ggml.tokens is missing or empty", file);
  if (vocabulary.tokens.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max())) {
    fail(Exit::kBadModel, "{}: tokenizer.ggml.tokens has {} entries", file, vocabulary.tokens.size());
  }
  if (!vocabulary.types.empty() && vocabulary.types.size() != vocabulary.tokens.size()) {
    fail(Exit::kBadModel, "{}: tokenizer.ggml.token_type has {} entries for {} tokens", file, vocabulary.types.size(),
         vocabulary.tokens.size());
  }
  parts.rows = static_cast<int64_t>(vocabulary.tokens.size());
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const std::string& text = vocabulary.tokens[id];
    const int32_t type = vocabulary.types.empty() ? GgufVocabulary::kNormal : vocabulary.types[id];
    if (type < GgufVocabulary::kNormal || type > GgufVocabulary::kByte)
      fail(Exit::kBadModel, "{}: token {} is of the unknown type {}", file, id, type);
    if (type == GgufVocabulary::kUnused || (type == GgufVocabulary::kUserDefined && is_padding(text, id))) continue;
    if (type == GgufVocabulary::kControl || type == GgufVocabulary::kUserDefined) {
      parts.added.push_back(
          {.id = static_cast<int32_t>(id), .content = text, .special = type == GgufVocabulary::kControl});
    } else {
      parts.tokens.push_back(text);
      parts.ids.push_back(static_cast<int64_t>(id));
    }
  }
}

void read_merges(const GgufVocabulary& vocabulary, const std::string& file, TokenizerParts& parts) {
  for (size_t rank = 0; rank < vocabulary.merges.size(); ++rank) {
    const std::string_view merge = vocabulary.merges[rank];
    const size_t space = merge.find(' ');
    if (space == std::string_view::npos || merge.find(' ', space + 1) != std::string_view::npos) {
      fail(Exit::kBadModel, "{}: tokenizer.ggml.merges[{}] '{}' is not two tokens with one space between", file, rank,
           merge);
    }
    parts.merges.push_back(merge.substr(0, space));
    parts.merges.push_back(merge.substr(space + 1));
  }
}

// A merge may speak of a token that is marked as added: then it is one of the ordinary ones too.
void let_added_tokens_merge(TokenizerParts& parts) {
  std::unordered_map<std::string_view, bool> used;
  for (const AddedToken& token : parts.added) used.emplace(token.content, false);
  const auto mark = [&](std::string_view text) {
    if (const auto found = used.find(text); found != used.end()) found->second = true;
  };
  std::string joined;
  for (size_t i = 0; i + 1 < parts.merges.size(); i += 2) {
    mark(parts.merges[i]);
    mark(parts.merges[i + 1]);
    mark(joined.assign(parts.merges[i]).append(parts.merges[i + 1]));
  }
  for (const AddedToken& token : parts.added) {
    if (!used[token.content]) continue;
    parts.tokens.push_back(token.content);
    parts.ids.push_back(token.id);
  }
}

}  // namespace

TokenizerParts read_gguf_vocabulary(const GgufVocabulary& vocabulary, const std::string& file) {
  if (vocabulary.model != "gpt2") {
    fail(Exit::kBadModel, "{}: tokenizer model '{}' (tokenizer.ggml.model) is not supported (gpt2, byte-level BPE, is)",
         file, vocabulary.model);
  }
  TokenizerParts parts;
  parts.pre_tokenizer = PreTokenizer::from_gguf(vocabulary.pre, file);
  parts.nfc = parts.pre_tokenizer.family().nfc;
  parts.ignore_merges = parts.pre_tokenizer.family().ignore_merges;
  read_tokens(vocabulary, file, parts);
  read_merges(vocabulary, file, parts);
  let_added_tokens_merge(parts);

  const size_t rows = vocabulary.tokens.size();
  check_special_id(vocabulary.bos, "bos", rows, file);
  check_special_id(vocabulary.eos, "eos", rows, file);
  check_special_id(vocabulary.eot, "eot", rows, file);
  check_special_id(vocabulary.eom, "eom", rows, file);
  check_special_id(vocabulary.unknown, "unknown", rows, file);
  check_special_id(vocabulary.pad, "padding", rows, file);
  parts.bos = vocabulary.bos;
  parts.eos = vocabulary.eos;
  parts.eot = vocabulary.eot;
  parts.eom = vocabulary.eom;
  parts.unknown = vocabulary.unknown;
  parts.pad = vocabulary.pad;
  if (parts.bos && vocabulary.add_bos.value_or(parts.pre_tokenizer.family().adds_bos)) parts.prefix = {*parts.bos};
  if (parts.eos && vocabulary.add_eos.value_or(false)) parts.suffix = {*parts.eos};
  if (!is_valid_utf8(vocabulary.chat_template)) fail(Exit::kBadModel, "{}: tokenizer.chat_template is not UTF-8", file);
  parts.chat_template = vocabulary.chat_template;
  return parts;
}

}  // namespace r1
