// Tokenizer: text to ids and back; byte-level BPE from tokenizer.json or from GGUF metadata (tokenizer.md 1 to 3,
// formats.md 7). Immutable after construction; encode and decode may be called from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace r1 {

// What a GGUF file says about its vocabulary (formats.md 3.3).
struct GgufVocabulary {
  enum TokenType : int32_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };

  std::string model, pre;           // "gpt2"; "qwen2", "smollm", …
  std::vector<std::string> tokens;  // ordinary ones in the byte alphabet, added ones as plain text
  std::vector<int32_t> types;       // TokenType as the file has it; may be empty
  std::vector<std::string> merges;
  std::optional<int32_t> bos, eos, eot, eom, unknown, pad;
  std::optional<bool> add_bos, add_eos;
  std::string chat_template;
};

struct EncodeOptions {
  bool add_special = false;  // automatic bos (and eos) where the tokenizer says so
  bool parse_special =
      true;  // control tokens in the text are recognised; false: other added tokens still are (tokenizer.md 1.2)
};

// A run of prompt text and whether it came from a template's literal (control tokens are recognised) or from a message
// (never).
struct PromptSpan {
  std::string text;
  bool literal = true;
};

class Tokenizer {
 public:
  struct Data;  // text/tokenizer_data.h, for this folder only

  // `file` names the source in errors (Error kBadModel). `config` is tokenizer_config.json or null.
  static Tokenizer from_json(std::string_view tokenizer_json, const Json& config, const std::string& file);
  static Tokenizer from_gguf(const GgufVocabulary& vocabulary, const std::string& file);
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // Bytes that are not valid UTF-8 are encoded as U+FFFD, one per maximal invalid part.
  std::vector<int32_t> encode(std::string_view text, const EncodeOptions& options = {}) const;
  // A rendered template: no automatic bos; message spans cannot become control tokens. Ordinary text flows across span
  // borders as if the spans were one text.
  std::vector<int32_t> encode(std::span<const PromptSpan> prompt) const;

  // Concatenated bytes of the ids, invalid UTF-8 replaced by U+FFFD. Ids out of range decode to nothing.
  std::string decode(std::span<const int32_t> ids, bool skip_special = false) const;
  // The bytes of one token as they are. For streaming: text/stream_decoder.h.
  std::string_view bytes(int32_t id) const;
  // The token as the vocabulary writes it (byte alphabet for ordinary ones).
  std::string_view piece(int32_t id) const;

  int32_t size() const;                                        // ids are 0 … size() - 1 (holes possible)
  std::optional<int32_t> id_of(std::string_view token) const;  // exact vocabulary or added token text
  bool is_special(int32_t id) const;  // `special: true` or GGUF control: skip_special leaves it out
  bool is_control(int32_t id)
      const;  // may never come from a message: special ones and the role, think and tool tokens (tokenizer.md 3)
  bool is_unused(int32_t id) const;  // a row without a token (padding): never sampled

  std::optional<int32_t> bos() const;
  std::optional<int32_t> eos() const;
  bool adds_bos() const;
  std::vector<int32_t> end_ids() const;        // the tokenizer's eos, eot, eom; the model's configs add theirs
  std::optional<int32_t> think_open() const;   // "<think>" as one token
  std::optional<int32_t> think_close() const;  // "</think>"
  std::string bos_text() const;                // for templates; "" if none
  std::string eos_text() const;
  const std::string& chat_template()
      const;  // from tokenizer_config or GGUF; "" if none (chat_template.jinja is the caller's)
  void set_chat_template(std::string source);
  const std::string& family() const;  // pre-tokenizer name: "deepseek-v3", "qwen2", …
  size_t memory_bytes() const;        // about what this object holds, for memory plans

  // For conversion: the same vocabulary as GGUF metadata, and as tokenizer.json with tokenizer_config.json.
  GgufVocabulary to_gguf(int64_t rows) const;  // padded with unused tokens to `rows`
  OrderedJson to_tokenizer_json() const;
  OrderedJson to_tokenizer_config() const;

 private:
  explicit Tokenizer(std::unique_ptr<const Data> data);
  std::unique_ptr<const Data> data_;
  std::string chat_template_;
};

}  // namespace r1
