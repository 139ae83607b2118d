#include "text/tokenizer.h"

#include <algorithm>
#include <deque>
#include <unordered_map>

#include "base/error.h"
#include "base/utf8.h"
#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/pretokenize.h"
#include "text/tokenizer_data.h"
#include "text/tokenizer_parts.h"
#include "text/unicode_classes.h"
#include "text/vocabulary.h"

namespace r1 {
namespace {

void check_contents(const std::vector<AddedToken>& added, const std::string& file) {
  std::vector<std::string_view> contents;
  for (const AddedToken& token : added) {
    if (token.content.size() > AddedTokens::kMaxContent) {
      fail(Exit::kBadModel, "{}: added token {} has {} bytes; at most {} are allowed", file, token.id,
           token.content.size(), AddedTokens::kMaxContent);
    }
    contents.push_back(token.content);
  }
  std::sort(contents.begin(), contents.end());
  const auto twice = std::adjacent_find(contents.begin(), contents.end());
  if (twice != contents.end()) fail(Exit::kBadModel, "{}: the added token '{}' occurs twice", file, *twice);
}

// The contents of tokens that match in normalised text are normalised too.
std::vector<AddedToken> normalized_tokens(std::vector<AddedToken> added, bool nfc) {
  for (AddedToken& token : added) {
    if (nfc && token.normalized) token.content = normalize_nfc(token.content);
  }
  return added;
}

// One call of encode: what it has found so far, and the memory that words and the cache point into.
class Encoding {
 public:
  explicit Encoding(const Tokenizer::Data& data) : data_(data) {}

  std::vector<int32_t> run(std::string_view text, std::span<const LiteralRange> literal) && {
    between(data_.added.find_all(text, literal), text,
            [&](size_t begin, size_t end) { piece(text, begin, end, literal); });
    return std::move(ids_);
  }

 private:
  // A cached word's ids are the stretch of ids_ where it first came out.
  struct Stretch {
    size_t begin = 0, count = 0;
  };
  static constexpr size_t kMaxCached = size_t{1} << 16;

  template <typename Gap>
  void between(const std::vector<AddedMatch>& matches, std::string_view text, Gap gap) {
    size_t done = 0;
    for (const AddedMatch& match : matches) {
      if (done < match.begin) gap(done, match.begin);
      ids_.push_back(match.id);
      done = match.end;
    }
    if (done < text.size()) gap(done, text.size());
  }

  // The text between two raw matches: normalised, searched for the other added tokens, and the rest cut into words.
  void piece(std::string_view text, size_t begin, size_t end, std::span<const LiteralRange> literal) {
    const std::string_view part = text.substr(begin, end - begin);
    if (data_.added_normalized.empty()) {
      words(data_.nfc ? kept_.emplace_back(normalize_nfc(part)) : part);
      return;
    }
    std::vector<LiteralRange> ranges = clip(literal, begin, end);
    const std::string_view normal = data_.nfc ? normalize(part, ranges) : part;
    between(data_.added_normalized.find_all(normal, ranges), normal,
            [&](size_t from, size_t to) { words(normal.substr(from, to - from)); });
  }

  static std::vector<LiteralRange> clip(std::span<const LiteralRange> literal, size_t begin, size_t end) {
    std::vector<LiteralRange> clipped;
    auto range =
        std::partition_point(literal.begin(), literal.end(), [&](const LiteralRange& r) { return r.end <= begin; });
    for (; range != literal.end() && range->begin < end; ++range) {
      clipped.push_back({std::max(range->begin, begin) - begin, std::min(range->end, end) - begin});
    }
    return clipped;
  }

  // NFC, with the literal ranges carried along. A range gives up the characters at its borders that may compose with
  // its neighbours.
  std::string_view normalize(std::string_view part, std::vector<LiteralRange>& ranges) {
    std::string& normal = kept_.emplace_back();
    std::vector<LiteralRange> moved;
    size_t done = 0;
    for (const LiteralRange& range : ranges) {
      size_t begin = range.begin, end = range.end;
      if (begin > 0) begin = first_free_border(part, begin);
      if (end < part.size()) end = last_free_border(part, end);
      if (begin >= end) continue;
      normal += normalize_nfc(part.substr(done, begin - done));
      const size_t start = normal.size();
      normal += normalize_nfc(part.substr(begin, end - begin));
      moved.push_back({start, normal.size()});
      done = end;
    }
    normal += normalize_nfc(part.substr(done));
    ranges = std::move(moved);
    return normal;
  }

  static size_t first_free_border(std::string_view text, size_t at) {
    while (at < text.size()) {
      const DecodedCharacter character = decode_utf8(text.substr(at));
      if (!joins_previous(character.code)) break;
      at += character.bytes;
    }
    return at;
  }

  static size_t last_free_border(std::string_view text, size_t at) {
    while (at > 0 && joins_previous(decode_utf8(text.substr(at)).code)) {
      do {
        --at;
      } while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
    }
    return at;
  }

  void words(std::string_view part) {
    data_.pre_tokenizer.split(part, words_);
    for (const std::string_view word : words_.views) encode_word(word);
  }

  void encode_word(std::string_view word) {
    if (const auto known = cache_.find(word); known != cache_.end()) {
      const auto [begin, count] = known->second;
      ids_.resize(ids_.size() + count);
      std::copy_n(ids_.begin() + static_cast<std::ptrdiff_t>(begin), count,
                  ids_.end() - static_cast<std::ptrdiff_t>(count));
      return;
    }
    const size_t begin = ids_.size();
    const auto whole = data_.ignore_merges ? data_.vocabulary.find(to_byte_alphabet(word)) : std::nullopt;
    if (whole) {
      ids_.push_back(*whole);
    } else {
      data_.bpe.encode_word(word, data_.unknown_symbol, scratch_, ids_);
    }
    if (cache_.size() < kMaxCached) cache_.emplace(word, Stretch{begin, ids_.size() - begin});
  }

  const Tokenizer::Data& data_;
  std::vector<int32_t> ids_;
  std::deque<std::string> kept_;  // normalised pieces
  Words words_;
  Bpe::Scratch scratch_;
  std::unordered_map<std::string_view, Stretch> cache_;
};

}  // namespace

Tokenizer::Data::Data(TokenizerParts&& parts, const std::string& file)
    : vocabulary(parts.tokens, parts.ids, parts.added, parts.rows, file),
      bpe(vocabulary, parts.merges, file),
      added_list(std::move(parts.added)),
      pre_tokenizer(std::move(parts.pre_tokenizer)),
      nfc(parts.nfc),
      ignore_merges(parts.ignore_merges),
      unknown_symbol(parts.unknown_symbol.value_or(-1)),
      prefix(std::move(parts.prefix)),
      suffix(std::move(parts.suffix)),
      bos(parts.bos),
      eos(parts.eos),
      eot(parts.eot),
      eom(parts.eom),
      unknown(parts.unknown),
      pad(parts.pad) {
  check_contents(added_list, file);
  if (parts.fuse_unknown && !bpe.has_all_bytes()) {
    fail(Exit::kBadModel, "{}: model.fuse_unk is not supported where the vocabulary lacks a byte's symbol", file);
  }
  const std::vector<AddedToken> contents = normalized_tokens(added_list, nfc);
  added = AddedTokens(contents, false);
  added_normalized = AddedTokens(contents, true);
  for (const std::vector<int32_t>& side : {prefix, suffix}) {
    for (const int32_t id : side) {
      if (vocabulary.is_unused(id))
        fail(Exit::kBadModel, "{}: the token {} that is put around texts does not exist", file, id);
    }
  }
  think_open = find("<think>");
  think_close = find("</think>");
}

std::optional<int32_t> Tokenizer::Data::find(std::string_view token) const {
  const auto found = std::find_if(added_list.begin(), added_list.end(),
                                  [&](const AddedToken& listed) { return listed.content == token; });
  return found != added_list.end() ? found->id : vocabulary.find(token);
}

Tokenizer::Tokenizer(std::unique_ptr<const Data> data) : data_(std::move(data)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::from_json(std::string_view tokenizer_json, const Json& config, const std::string& file) {
  TokenizerParts parts = read_tokenizer_json(tokenizer_json, config, file);
  std::string chat_template = std::move(parts.chat_template);
  Tokenizer tokenizer(std::make_unique<Data>(std::move(parts), file));
  tokenizer.chat_template_ = std::move(chat_template);
  return tokenizer;
}

Tokenizer Tokenizer::from_gguf(const GgufVocabulary& vocabulary, const std::string& file) {
  TokenizerParts parts = read_gguf_vocabulary(vocabulary, file);
  std::string chat_template = std::move(parts.chat_template);
  Tokenizer tokenizer(std::make_unique<Data>(std::move(parts), file));
  tokenizer.chat_template_ = std::move(chat_template);
  return tokenizer;
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  std::string repaired;
  if (!is_valid_utf8(text)) text = repaired = replace_invalid_utf8(text);
  const LiteralRange whole = {0, options.parse_special ? text.size() : 0};
  std::vector<int32_t> ids = Encoding(*data_).run(text, {&whole, 1});
  if (options.add_special) {
    ids.insert(ids.begin(), data_->prefix.begin(), data_->prefix.end());
    ids.insert(ids.end(), data_->suffix.begin(), data_->suffix.end());
  }
  return ids;
}

std::vector<int32_t> Tokenizer::encode(std::span<const PromptSpan> prompt) const {
  std::string text;
  std::vector<LiteralRange> literal;
  for (const PromptSpan& span : prompt) {
    const size_t begin = text.size();
    text += is_valid_utf8(span.text) ? span.text : replace_invalid_utf8(span.text);
    if (!span.literal || begin == text.size()) continue;
    if (!literal.empty() && literal.back().end == begin) {
      literal.back().end = text.size();
    } else {
      literal.push_back({begin, text.size()});
    }
  }
  return Encoding(*data_).run(text, literal);
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  std::string text;
  for (const int32_t id : ids) {
    if (!(skip_special && is_special(id))) text += bytes(id);
  }
  return is_valid_utf8(text) ? text : replace_invalid_utf8(text);
}

std::string_view Tokenizer::bytes(int32_t id) const {
  return id >= 0 && id < size() ? data_->vocabulary.bytes(id) : std::string_view();
}

std::string_view Tokenizer::piece(int32_t id) const {
  return id >= 0 && id < size() ? data_->vocabulary.piece(id) : std::string_view();
}

int32_t Tokenizer::size() const { return data_->vocabulary.size(); }

std::optional<int32_t> Tokenizer::id_of(std::string_view token) const { return data_->find(token); }

bool Tokenizer::is_special(int32_t id) const { return data_->vocabulary.is_special(id); }
bool Tokenizer::is_control(int32_t id) const { return data_->vocabulary.is_control(id); }
bool Tokenizer::is_unused(int32_t id) const { return data_->vocabulary.is_unused(id); }

std::optional<int32_t> Tokenizer::bos() const { return data_->bos; }
std::optional<int32_t> Tokenizer::eos() const { return data_->eos; }
bool Tokenizer::adds_bos() const { return !data_->prefix.empty(); }

std::vector<int32_t> Tokenizer::end_ids() const {
  std::vector<int32_t> ids;
  for (const auto& id : {data_->eos, data_->eot, data_->eom}) {
    if (id && std::find(ids.begin(), ids.end(), *id) == ids.end()) ids.push_back(*id);
  }
  return ids;
}

std::optional<int32_t> Tokenizer::think_open() const { return data_->think_open; }
std::optional<int32_t> Tokenizer::think_close() const { return data_->think_close; }
std::string Tokenizer::bos_text() const { return data_->bos ? std::string(piece(*data_->bos)) : std::string(); }
std::string Tokenizer::eos_text() const { return data_->eos ? std::string(piece(*data_->eos)) : std::string(); }
const std::string& Tokenizer::chat_template() const { return chat_template_; }
void Tokenizer::set_chat_template(std::string source) { chat_template_ = std::move(source); }
const std::string& Tokenizer::family() const { return data_->pre_tokenizer.family().name; }

size_t Tokenizer::memory_bytes() const {
  size_t bytes = sizeof(Data) + data_->vocabulary.memory_bytes() + data_->bpe.memory_bytes() +
                 data_->added.memory_bytes() + data_->added_normalized.memory_bytes() + chat_template_.capacity();
  for (const AddedToken& token : data_->added_list) bytes += sizeof(token) + token.content.capacity();
  return bytes;
}

}  // namespace r1
