// Reads tokenizer.json and tokenizer_config.json (formats.md 7). The vocabulary and the merges, nine tenths of the
// file, go straight from the parser into string tables; the rest becomes a small JSON value.
#include <algorithm>
#include <limits>
#include <unordered_set>

#include "base/log.h"
#include "text/added_tokens.h"
#include "text/tokenizer_parts.h"

namespace r1 {
namespace {

constexpr int kMaxDepth = 64;
constexpr size_t kMaxTokens = size_t{1} << 24;

// Receives the parser's events. All but model.vocab and model.merges is built into `root`.
class TokenizerJsonHandler : public nlohmann::json_sax<Json> {
 public:
  TokenizerJsonHandler(TokenizerParts& parts, const std::string& file) : parts_(parts), file_(file) {}

  Json root;

  bool null() override { return value(nullptr); }
  bool boolean(bool v) override { return value(v); }
  bool number_integer(number_integer_t v) override { return in_vocab_ ? token(v) : value(v); }
  bool number_unsigned(number_unsigned_t v) override {
    if (!in_vocab_) return value(v);
    constexpr auto kMost = static_cast<number_unsigned_t>(std::numeric_limits<int64_t>::max());
    return token(static_cast<int64_t>(std::min(v, kMost)));
  }
  bool number_float(number_float_t v, const string_t&) override { return value(v); }
  bool string(string_t& v) override { return in_merges_ ? merge(v) : value(std::move(v)); }
  bool binary(binary_t&) override { return value(nullptr); }

  bool start_object(size_t) override {
    if (in_merges_) bad("model.merges", "an object");
    if (in_vocab_) bad("model.vocab", "an object as an id");
    if (in_model() && key_ == "vocab") {
      once(seen_vocab_, "model.vocab");
      in_vocab_ = true;
      return true;
    }
    return open(Json::object());
  }
  bool key(string_t& v) override {
    if (in_vocab_) {
      token_ = v;
      return true;
    }
    key_ = v;
    if (stack_.back()->contains(key_))
      fail(Exit::kBadModel, "{}: JSON has the key '{}' twice in one object", file_, key_);
    return true;
  }
  bool end_object() override {
    if (in_vocab_) {
      in_vocab_ = false;
      return true;
    }
    return close();
  }
  bool start_array(size_t) override {
    if (in_vocab_) bad("model.vocab", "an array as an id");
    if (in_merges_) {
      if (in_pair_) bad("model.merges", "an array inside a pair");
      in_pair_ = true;
      return true;
    }
    if (in_model() && key_ == "merges") {
      once(seen_merges_, "model.merges");
      in_merges_ = true;
      return true;
    }
    return open(Json::array());
  }
  bool end_array() override {
    if (in_pair_) {
      if (parts_.merges.size() % 2 != 0 || parts_.merges.size() != pairs_ + 2)
        bad("model.merges", "an array that is not of two strings");
      pairs_ = parts_.merges.size();
      in_pair_ = false;
      return true;
    }
    if (in_merges_) {
      in_merges_ = false;
      return true;
    }
    return close();
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& error) override {
    std::string reason =
        error.what();  // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error …"
    if (const size_t bracket = reason.find("] "); bracket != std::string::npos) reason = reason.substr(bracket + 2);
    fail(Exit::kBadModel, "{}: not valid JSON: {}", file_, reason);
  }

 private:
  [[noreturn]] void bad(std::string_view field, std::string_view found) const {
    fail(Exit::kBadModel, "{}: {} holds {}", file_, field, found);
  }
  void once(bool& seen, std::string_view field) const {
    if (seen) fail(Exit::kBadModel, "{}: {} occurs twice", file_, field);
    seen = true;
  }
  bool in_model() const { return stack_.size() == 2 && stack_[0]->is_object() && model_ == stack_[1]; }

  bool token(int64_t id) {
    if (parts_.ids.size() >= kMaxTokens) bad("model.vocab", "more than 16777216 tokens");
    parts_.tokens.push_back(token_);
    parts_.ids.push_back(id);
    return true;
  }

  bool merge(const std::string& text) {
    if (parts_.merges.size() / 2 >= 2 * kMaxTokens) bad("model.merges", "more than 33554432 merges");
    if (in_pair_) {
      parts_.merges.push_back(text);
      return true;
    }
    const size_t space = text.find(' ');
    if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) {
      fail(Exit::kBadModel, "{}: model.merges: '{}' is not two tokens with one space between", file_, text);
    }
    parts_.merges.push_back(std::string_view(text).substr(0, space));
    parts_.merges.push_back(std::string_view(text).substr(space + 1));
    pairs_ = parts_.merges.size();
    return true;
  }

  Json* add(Json v) {
    if (stack_.empty()) return &(root = std::move(v));
    Json& parent = *stack_.back();
    if (parent.is_object()) return &(parent[key_] = std::move(v));
    parent.push_back(std::move(v));
    return &parent.back();
  }
  bool value(Json v) {
    if (in_merges_) bad("model.merges", "a value that is not a string");
    if (in_vocab_) fail(Exit::kBadModel, "{}: model.vocab: the id of '{}' is not a whole number", file_, token_);
    add(std::move(v));
    return true;
  }
  bool open(Json v) {
    if (stack_.size() >= kMaxDepth) fail(Exit::kBadModel, "{}: JSON is nested deeper than {} levels", file_, kMaxDepth);
    const bool model = stack_.size() == 1 && stack_[0]->is_object() && key_ == "model";
    stack_.push_back(add(std::move(v)));
    if (model) model_ = stack_.back();
    return true;
  }
  bool close() {
    stack_.pop_back();
    return true;
  }

  TokenizerParts& parts_;
  const std::string& file_;
  std::vector<Json*> stack_;  // open objects and arrays; a parent does not grow while a child is open
  const Json* model_ = nullptr;
  std::string key_, token_;
  bool in_vocab_ = false, in_merges_ = false, in_pair_ = false, seen_vocab_ = false, seen_merges_ = false;
  size_t pairs_ = 0;  // merges' strings up to the last whole pair
};

// A member of `object`, or null where it is absent.
const Json& member(const Json& object, const char* name) {
  static const Json none;
  if (!object.is_object()) return none;
  const auto found = object.find(name);
  return found == object.end() ? none : *found;
}

bool is_true(const Json& object, const char* name) { return member(object, name) == true; }

std::string text_of(const Json& object, const char* name, const std::string& file, std::string_view where) {
  const Json& text = member(object, name);
  if (!text.is_string()) fail(Exit::kBadModel, "{}: {}: '{}' is missing or not a string", file, where, name);
  return text.get<std::string>();
}

int32_t id_from(const Json& id, const std::string& file, std::string_view where) {
  const bool fits = id.is_number_unsigned() ? id.get<uint64_t>() <= std::numeric_limits<int32_t>::max() : false;
  if (!fits) fail(Exit::kBadModel, "{}: {}: the id {} is out of range", file, where, id.dump());
  return id.get<int32_t>();
}

AddedToken read_added_token(const Json& json, int32_t id, const std::string& file) {
  AddedToken token;
  token.id = id;
  token.content = text_of(json, "content", file, "added_tokens");
  token.single_word = is_true(json, "single_word");
  token.lstrip = is_true(json, "lstrip");
  token.rstrip = is_true(json, "rstrip");
  token.normalized = is_true(json, "normalized");
  token.special = is_true(json, "special");
  return token;
}

void read_added_tokens(const Json& root, const std::string& file, TokenizerParts& parts) {
  const Json& list = member(root, "added_tokens");
  if (list.is_null()) return;
  if (!list.is_array()) fail(Exit::kBadModel, "{}: 'added_tokens' is not an array", file);
  for (const Json& json : list) {
    parts.added.push_back(read_added_token(json, id_from(member(json, "id"), file, "added_tokens"), file));
  }
}

// Tokens that only tokenizer_config.json knows; the hub's library adds them too.
void read_added_tokens_decoder(const Json& config, const std::string& file, TokenizerParts& parts) {
  const Json& decoder = member(config, "added_tokens_decoder");
  if (!decoder.is_object()) return;
  std::unordered_set<std::string> known;
  for (const AddedToken& token : parts.added) known.insert(token.content);
  for (const auto& [key, json] : decoder.items()) {
    const bool digits = !key.empty() && key.size() <= 9 &&
                        std::all_of(key.begin(), key.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!digits)
      fail(Exit::kBadModel, "{}: added_tokens_decoder of tokenizer_config.json: the id '{}' is out of range", file,
           key);
    AddedToken token = read_added_token(json, std::stoi(key), file + ": added_tokens_decoder of tokenizer_config.json");
    if (!known.contains(token.content)) parts.added.push_back(std::move(token));
  }
}

void read_normalizer(const Json& normalizer, const std::string& file, TokenizerParts& parts) {
  if (normalizer.is_null()) return;
  const std::string type = text_of(normalizer, "type", file, "normalizer");
  if (type == "NFC") {
    parts.nfc = true;
  } else if (type == "Sequence") {
    for (const Json& part : member(normalizer, "normalizers")) read_normalizer(part, file, parts);
  } else {
    fail(Exit::kBadModel, "{}: normalizer '{}' is not supported (NFC is)", file, type);
  }
}

std::vector<int32_t> ids_of_template_token(const Json& processor, const std::string& name, const std::string& file) {
  const Json& ids = member(member(member(processor, "special_tokens"), name.c_str()), "ids");
  if (!ids.is_array()) fail(Exit::kBadModel, "{}: post_processor: '{}' is not among its special_tokens", file, name);
  std::vector<int32_t> result;
  for (const Json& id : ids) result.push_back(id_from(id, file, "post_processor"));
  return result;
}

void read_post_processor(const Json& processor, const std::string& file, TokenizerParts& parts) {
  if (processor.is_null()) return;
  const std::string type = text_of(processor, "type", file, "post_processor");
  if (type == "ByteLevel") return;  // adjusts offsets only
  if (type == "Sequence") {
    for (const Json& part : member(processor, "processors")) read_post_processor(part, file, parts);
    return;
  }
  if (type != "TemplateProcessing") {
    fail(Exit::kBadModel, "{}: post_processor '{}' is not supported (ByteLevel and TemplateProcessing are)", file,
         type);
  }
  bool before = true;
  for (const Json& piece : member(processor, "single")) {
    if (!member(piece, "Sequence").is_null()) {
      before = false;
      continue;
    }
    const std::string name = text_of(member(piece, "SpecialToken"), "id", file, "post_processor: single");
    const std::vector<int32_t> ids = ids_of_template_token(processor, name, file);
    std::vector<int32_t>& side = before ? parts.prefix : parts.suffix;
    side.insert(side.end(), ids.begin(), ids.end());
  }
}

void read_decoder(const Json& decoder, const std::string& file) {
  if (decoder.is_null()) return;
  const std::string type = text_of(decoder, "type", file, "decoder");
  if (type != "ByteLevel") fail(Exit::kBadModel, "{}: decoder '{}' is not supported (ByteLevel is)", file, type);
}

std::optional<int32_t> find_token(const TokenizerParts& parts, std::string_view text) {
  for (const AddedToken& token : parts.added) {
    if (token.content == text) return token.id;
  }
  for (size_t i = 0; i < parts.tokens.size(); ++i) {
    const bool fits = parts.ids[i] >= 0 && parts.ids[i] <= std::numeric_limits<int32_t>::max();
    if (fits && parts.tokens[i] == text) return static_cast<int32_t>(parts.ids[i]);
  }
  return std::nullopt;
}

void read_model(const Json& model, const std::string& file, TokenizerParts& parts) {
  // What was an object and an array has gone another way; what is left under these names is something else.
  if (!member(model, "vocab").is_null()) fail(Exit::kBadModel, "{}: model.vocab is not an object", file);
  if (!member(model, "merges").is_null()) fail(Exit::kBadModel, "{}: model.merges is not an array", file);
  const Json& type = member(model, "type");
  if (!type.is_null() && type != "BPE")
    fail(Exit::kBadModel, "{}: model type {} is not supported (BPE is)", file, type.dump());
  for (const char* name : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const Json& text = member(model, name);
    if (!text.is_null() && text != "")
      fail(Exit::kBadModel, "{}: model.{} {} is not supported", file, name, text.dump());
  }
  const Json& dropout = member(model, "dropout");
  if (!dropout.is_null() && dropout != 0)
    fail(Exit::kBadModel, "{}: model.dropout {} is not supported", file, dropout.dump());
  if (is_true(model, "byte_fallback")) fail(Exit::kBadModel, "{}: model.byte_fallback is not supported", file);
  parts.ignore_merges = is_true(model, "ignore_merges");
  if (const Json& unknown = member(model, "unk_token"); unknown.is_string() && unknown != "") {
    parts.unknown_symbol = find_token(parts, unknown.get<std::string>());
    parts.unknown = parts.unknown_symbol;
    parts.fuse_unknown = is_true(model, "fuse_unk");
  }
}

// "bos_token": null, "<s>" or {"content": "<s>"}.
std::optional<int32_t> token_of_config(const Json& config, const char* name, const std::string& file,
                                       const TokenizerParts& parts) {
  const Json& entry = member(config, name);
  const Json& text = entry.is_object() ? member(entry, "content") : entry;
  if (!text.is_string()) return std::nullopt;
  const auto id = find_token(parts, text.get<std::string>());
  if (!id)
    spdlog::warn(fmt::format("{}: {} '{}' of tokenizer_config.json is not in the vocabulary", file, name,
                             text.get<std::string>()));
  return id;
}

std::string template_of_config(const Json& config) {
  const Json& entry = member(config, "chat_template");
  if (entry.is_string()) return entry.get<std::string>();
  std::string first;
  if (!entry.is_array()) return first;
  for (const Json& named : entry) {  // [{"name": "default", "template": …}, {"name": "tool_use", …}]
    const Json& source = member(named, "template");
    if (!source.is_string()) continue;
    if (member(named, "name") == "default") return source.get<std::string>();
    if (first.empty()) first = source.get<std::string>();
  }
  return first;
}

void read_config(const Json& config, const std::string& file, TokenizerParts& parts) {
  if (!config.is_null() && !config.is_object())
    fail(Exit::kBadModel, "{}: tokenizer_config.json is not an object", file);
  parts.bos = token_of_config(config, "bos_token", file, parts);
  parts.eos = token_of_config(config, "eos_token", file, parts);
  parts.pad = token_of_config(config, "pad_token", file, parts);
  if (!parts.bos && !parts.prefix.empty()) parts.bos = parts.prefix.front();
  if (parts.prefix.empty() && parts.bos && is_true(config, "add_bos_token")) parts.prefix = {*parts.bos};
  if (parts.suffix.empty() && parts.eos && is_true(config, "add_eos_token")) parts.suffix = {*parts.eos};
  parts.chat_template = template_of_config(config);
}

}  // namespace

TokenizerParts read_tokenizer_json(std::string_view tokenizer_json, const Json& config, const std::string& file) {
  TokenizerParts parts;
  TokenizerJsonHandler handler(parts, file);
  try {
    Json::sax_parse(tokenizer_json.data(), tokenizer_json.data() + tokenizer_json.size(), &handler);
  } catch (const Json::exception& error) {  // a number out of range
    fail(Exit::kBadModel, "{}: not valid JSON: {}", file, error.what());
  }
  const Json& root = handler.root;
  if (!root.is_object() || !member(root, "model").is_object())
    fail(Exit::kBadModel, "{}: 'model' is missing or not an object", file);
  read_added_tokens(root, file, parts);
  read_added_tokens_decoder(config, file, parts);
  read_model(member(root, "model"), file, parts);
  read_normalizer(member(root, "normalizer"), file, parts);
  if (member(root, "pre_tokenizer").is_null())
    fail(Exit::kBadModel, "{}: 'pre_tokenizer' is missing (ByteLevel is needed)", file);
  parts.pre_tokenizer = PreTokenizer::from_json(member(root, "pre_tokenizer"), file);
  read_post_processor(member(root, "post_processor"), file, parts);
  read_decoder(member(root, "decoder"), file);
  read_config(config, file, parts);
  return parts;
}

}  // namespace r1
