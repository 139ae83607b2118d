// A Tokenizer as GGUF metadata and as the hub's two files, for conversion (formats.md 3.3, 7).
#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "text/tokenizer_data.h"

namespace r1 {
namespace {

// Which added tokens also stand in model.vocab, by position in `added`. The hub's library gives an added token that
// does not the next free id above model.vocab, whatever the file says: so those that would get another id have to stand
// there.
std::vector<bool> tokens_in_vocab(const Vocabulary& vocabulary, const std::vector<AddedToken>& added) {
  int32_t ordinary = 0;  // entries of model.vocab
  int32_t above = 0;     // the largest of their ids, plus one
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    if (!vocabulary.mergeable(id)) continue;
    ++ordinary;
    above = id + 1;
  }
  std::vector<bool> inside(added.size());
  for (size_t i = 0; i < added.size(); ++i) {
    inside[i] = vocabulary.mergeable(added[i].id) || added[i].id < above;
    if (inside[i] && !vocabulary.mergeable(added[i].id)) ++ordinary;
  }
  int32_t next = ordinary;
  bool consecutive = true;
  for (size_t i = 0; i < added.size(); ++i) {
    if (!inside[i]) consecutive = consecutive && added[i].id == next++;
  }
  if (!consecutive) inside.assign(added.size(), true);
  return inside;
}

OrderedJson model_json(const Tokenizer::Data& data, const std::vector<AddedToken>& added) {
  const std::vector<bool> inside = tokens_in_vocab(data.vocabulary, added);
  std::vector<bool> listed(static_cast<size_t>(data.vocabulary.size()));
  for (size_t i = 0; i < added.size(); ++i) {
    if (inside[i]) listed[static_cast<size_t>(added[i].id)] = true;
  }
  // Straight into the underlying vector: the map's own insertion looks for the key from the start, each time.
  OrderedJson::object_t vocab;
  for (int32_t id = 0; id < data.vocabulary.size(); ++id) {
    if (!data.vocabulary.mergeable(id) && !listed[static_cast<size_t>(id)]) continue;
    vocab.emplace_back(std::string(data.vocabulary.piece(id)), id);
  }
  OrderedJson::array_t merges;
  for (const auto& [left, right] : data.bpe.merges()) {
    merges.emplace_back(std::string(data.vocabulary.piece(left)) + " " + std::string(data.vocabulary.piece(right)));
  }
  OrderedJson unknown;
  if (data.unknown_symbol >= 0) unknown = std::string(data.vocabulary.piece(data.unknown_symbol));
  OrderedJson model;
  model["type"] = "BPE";
  model["dropout"] = nullptr;
  model["unk_token"] = std::move(unknown);
  model["continuing_subword_prefix"] = nullptr;
  model["end_of_word_suffix"] = nullptr;
  model["fuse_unk"] = false;
  model["byte_fallback"] = false;
  model["ignore_merges"] = data.ignore_merges;
  model["vocab"] = std::move(vocab);
  model["merges"] = std::move(merges);
  return model;
}

OrderedJson added_json(const AddedToken& token) {
  return {{"id", token.id},          {"content", token.content}, {"single_word", token.single_word},
          {"lstrip", token.lstrip},  {"rstrip", token.rstrip},   {"normalized", token.normalized},
          {"special", token.special}};
}

OrderedJson byte_level() {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
}

OrderedJson post_processor_json(const Tokenizer::Data& data) {
  if (data.prefix.empty() && data.suffix.empty()) return byte_level();
  OrderedJson special_tokens = OrderedJson::object();
  const auto special = [&](int32_t id) {
    const std::string text(data.vocabulary.piece(id));
    special_tokens[text] = {{"id", text}, {"ids", {id}}, {"tokens", {text}}};
    return OrderedJson{{"SpecialToken", {{"id", text}, {"type_id", 0}}}};
  };
  const auto sequence = [](const char* name, int type) {
    return OrderedJson{{"Sequence", {{"id", name}, {"type_id", type}}}};
  };
  OrderedJson single = OrderedJson::array();
  for (const int32_t id : data.prefix) single.push_back(special(id));
  OrderedJson pair = single;
  single.push_back(sequence("A", 0));
  pair.push_back(sequence("A", 0));
  pair.push_back(sequence("B", 1));
  for (const int32_t id : data.suffix) {
    single.push_back(special(id));
    pair.push_back(special(id));
  }
  OrderedJson processor;
  processor["type"] = "TemplateProcessing";
  processor["single"] = std::move(single);
  processor["pair"] = std::move(pair);
  processor["special_tokens"] = std::move(special_tokens);
  return processor;
}

void check_gguf_can_say(const Tokenizer::Data& data) {
  const PreTokenizerFamily& family = data.pre_tokenizer.family();
  if (family.name.empty()) {
    fail(Exit::kBadModel,
         "the tokenizer's pre_tokenizer is of no family that GGUF has a name for (tokenizer.ggml.pre)");
  }
  if (data.nfc != family.nfc) {
    spdlog::warn(fmt::format("GGUF cannot say that this {} tokenizer {} normalise text to NFC", family.name,
                             data.nfc ? "does" : "does not"));
  }
  if (data.ignore_merges != family.ignore_merges) {
    spdlog::warn(
        fmt::format("GGUF cannot say that ignore_merges is {} in this {} tokenizer", data.ignore_merges, family.name));
  }
}

}  // namespace

GgufVocabulary Tokenizer::to_gguf(int64_t rows) const {
  check_gguf_can_say(*data_);
  if (rows < size()) fail(Exit::kBadModel, "the tokenizer has {} ids, but the model only {} rows", size(), rows);
  GgufVocabulary vocabulary;
  vocabulary.model = "gpt2";
  vocabulary.pre = family();
  for (int32_t id = 0; id < rows; ++id) {
    const bool unused = is_unused(id);
    vocabulary.tokens.push_back(unused ? "[PAD" + std::to_string(id) + "]" : std::string(piece(id)));
    vocabulary.types.push_back(unused                           ? GgufVocabulary::kUnused
                               : is_special(id)                 ? GgufVocabulary::kControl
                               : data_->vocabulary.is_added(id) ? GgufVocabulary::kUserDefined
                                                                : GgufVocabulary::kNormal);
  }
  for (const auto& [left, right] : data_->bpe.merges()) {
    vocabulary.merges.push_back(std::string(piece(left)) + " " + std::string(piece(right)));
  }
  vocabulary.bos = data_->bos;
  vocabulary.eos = data_->eos;
  vocabulary.eot = data_->eot;
  vocabulary.eom = data_->eom;
  vocabulary.unknown = data_->unknown;
  vocabulary.pad = data_->pad;
  vocabulary.add_bos = !data_->prefix.empty();
  vocabulary.add_eos = !data_->suffix.empty();
  vocabulary.chat_template = chat_template_;
  return vocabulary;
}

OrderedJson Tokenizer::to_tokenizer_json() const {
  std::vector<AddedToken> added = data_->added_list;
  std::sort(added.begin(), added.end(), [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  OrderedJson json;
  json["version"] = "1.0";
  json["truncation"] = nullptr;
  json["padding"] = nullptr;
  json["added_tokens"] = OrderedJson::array();
  for (const AddedToken& token : added) json["added_tokens"].push_back(added_json(token));
  json["normalizer"] = data_->nfc ? OrderedJson{{"type", "NFC"}} : OrderedJson();
  json["pre_tokenizer"] = data_->pre_tokenizer.to_json();
  json["post_processor"] = post_processor_json(*data_);
  json["decoder"] = byte_level();
  json["model"] = model_json(*data_, added);
  return json;
}

OrderedJson Tokenizer::to_tokenizer_config() const {
  OrderedJson config;
  const auto text = [&](const std::optional<int32_t>& id) {
    return id ? OrderedJson(std::string(piece(*id))) : OrderedJson();
  };
  config["add_bos_token"] = !data_->prefix.empty();
  config["add_eos_token"] = !data_->suffix.empty();
  config["bos_token"] = text(data_->bos);
  config["eos_token"] = text(data_->eos);
  config["pad_token"] = text(data_->pad);
  config["unk_token"] = text(data_->unknown);
  config["clean_up_tokenization_spaces"] = false;
  config["tokenizer_class"] = "PreTrainedTokenizerFast";
  if (!chat_template_.empty()) config["chat_template"] = chat_template_;
  return config;
}

}  // namespace r1
