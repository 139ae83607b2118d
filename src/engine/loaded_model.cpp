#include "engine/loaded_model.h"

#include <algorithm>

#include "base/file.h"
#include "base/log.h"
#include "formats/gguf.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;

// The process itself before any model, without the clean pages of its files: heap and data of its libraries.
constexpr size_t kProgramBytes = size_t{2} << 20;

std::optional<int32_t> token_id(const GgufMetadata& metadata, const std::string& key) {
  const auto id = metadata.integer("tokenizer.ggml." + key + "_token_id");
  if (!id || *id < 0 || *id > INT32_MAX) return std::nullopt;  // some files write -1 for none
  return static_cast<int32_t>(*id);
}

GgufVocabulary read_vocabulary(const GgufMetadata& metadata) {
  const auto text = [&](std::string_view key) { return std::string(metadata.string(key).value_or("")); };
  const auto texts = [&](std::string_view key) {
    const auto views = metadata.strings(key);
    return std::vector<std::string>(views.begin(), views.end());
  };
  GgufVocabulary vocabulary;
  vocabulary.model = text("tokenizer.ggml.model");
  vocabulary.pre = text("tokenizer.ggml.pre");
  vocabulary.tokens = texts("tokenizer.ggml.tokens");
  for (const int64_t type : metadata.integers("tokenizer.ggml.token_type"))
    vocabulary.types.push_back(static_cast<int32_t>(type));
  vocabulary.merges = texts("tokenizer.ggml.merges");
  vocabulary.bos = token_id(metadata, "bos");
  vocabulary.eos = token_id(metadata, "eos");
  vocabulary.eot = token_id(metadata, "eot");
  vocabulary.eom = token_id(metadata, "eom");
  vocabulary.unknown = token_id(metadata, "unknown");
  vocabulary.pad = token_id(metadata, "padding");
  vocabulary.add_bos = metadata.boolean("tokenizer.ggml.add_bos_token");
  vocabulary.add_eos = metadata.boolean("tokenizer.ggml.add_eos_token");
  vocabulary.chat_template = text("tokenizer.chat_template");
  return vocabulary;
}

Json read_optional_json(const fs::path& path) {
  if (!fs::exists(path)) return Json();
  return parse_json(read_file(path), path.string(), {}, Exit::kBadModel);
}

Tokenizer open_hub_tokenizer(const fs::path& folder) {
  const fs::path file = folder / "tokenizer.json";
  if (!fs::exists(file)) {
    throw Error(fmt::format("{}: there is no tokenizer.json", folder.string()), Exit::kNotFound,
                "a hub folder needs config.json, *.safetensors, tokenizer.json and tokenizer_config.json");
  }
  Tokenizer tokenizer =
      Tokenizer::from_json(read_file(file), read_optional_json(folder / "tokenizer_config.json"), file.string());
  if (const fs::path jinja = folder / "chat_template.jinja"; fs::exists(jinja))
    tokenizer.set_chat_template(read_file(jinja));
  return tokenizer;
}

// "token_id" or a list of them, as config.json and generation_config.json have them.
void append_ids(const Json& config, const char* key, std::vector<int32_t>& ids) {
  const auto it = config.find(key);
  if (it == config.end()) return;
  const Json list = it->is_array() ? *it : Json::array({*it});
  for (const Json& id : list) {
    if (id.is_number_integer())
      ids.push_back(static_cast<int32_t>(std::clamp<int64_t>(id.get<int64_t>(), -1, INT32_MAX)));
  }
}

template <typename T>
void read_number(const Json& config, const char* key, T& value, double low, double high, const std::string& file) {
  const auto it = config.find(key);
  if (it == config.end() || it->is_null()) return;
  if (!it->is_number() || !(it->get<double>() >= low && it->get<double>() <= high)) {
    fail(Exit::kBadModel, "{}: generation_config '{}' is {}, expected a number from {} to {}", file, key, it->dump(),
         low, high);
  }
  value = static_cast<T>(it->get<double>());
}

}  // namespace

Tokenizer open_tokenizer(const fs::path& model) {
  if (fs::is_directory(model)) return open_hub_tokenizer(model);
  if (!fs::exists(model)) fail(Exit::kNotFound, "{}: there is no such file or folder", model.string());
  if (model.filename() == "tokenizer.json")
    return open_hub_tokenizer(model.parent_path().empty() ? "." : model.parent_path());
  return Tokenizer::from_gguf(read_vocabulary(Gguf(model).metadata()), model.string());
}

struct LoadedModel::Parts {
  fs::path path;
  LoadOptions options;
  std::unique_ptr<WeightSource> source;
  ModelConfig config;
  Tokenizer tokenizer;
  std::optional<ChatTemplate> chat_template;
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Decoder> decoder;

  DecoderOptions decoder_options() const {
    DecoderOptions chosen = options.exact ? DecoderOptions::exact() : DecoderOptions();
    chosen.mtp = options.mtp;
    return chosen;
  }
  void open_template();
};

LoadedModel::LoadedModel(const fs::path& model, LoadOptions options) {
  auto source = open_source(model);
  ModelConfig config = read_model_config(source->config(), source->path());
  parts_.reset(
      new Parts{model, std::move(options), std::move(source), std::move(config), open_tokenizer(model), {}, {}, {}});
  if (parts_->tokenizer.size() > parts_->config.vocabulary) {
    fail(Exit::kBadModel, "{}: the tokenizer has {} tokens, the model only {} rows for them (vocab_size)",
         model.string(), parts_->tokenizer.size(), parts_->config.vocabulary);
  }
  parts_->open_template();
}

LoadedModel::~LoadedModel() = default;

void LoadedModel::Parts::open_template() {
  if (!options.chat_template.empty()) {
    const std::string_view known = ChatTemplate::built_in(options.chat_template);
    if (known.empty() && !fs::exists(options.chat_template)) {
      throw Error(fmt::format("chat template '{}' is neither a file nor built in", options.chat_template),
                  Exit::kNotFound, fmt::format("built in are {}", fmt::join(ChatTemplate::built_in_names(), ", ")));
    }
    chat_template.emplace(known.empty() ? read_file(options.chat_template) : std::string(known), options.chat_template);
  } else if (!tokenizer.chat_template().empty()) {
    chat_template.emplace(tokenizer.chat_template(), fmt::format("{}: chat_template", path.string()));
  }
}

const ModelConfig& LoadedModel::config() const { return parts_->config; }
const WeightSource& LoadedModel::source() const { return *parts_->source; }
const Tokenizer& LoadedModel::tokenizer() const { return parts_->tokenizer; }

Backend& LoadedModel::backend() {
  if (!parts_->backend) parts_->backend = open_backend(parts_->options.backend, parts_->options.threads);
  return *parts_->backend;
}

const Decoder& LoadedModel::decoder() {
  if (!parts_->decoder) {
    parts_->decoder = std::make_unique<Decoder>(*parts_->source, parts_->config, backend(), parts_->decoder_options(),
                                                parts_->options.progress);
  }
  return *parts_->decoder;
}

MemoryPlan LoadedModel::plan(const EngineOptions& options) {
  const DecoderOptions decoder = parts_->decoder_options();
  MemoryPlan plan;
  plan.weights = planned_weight_bytes(*parts_->source, parts_->config, backend(), decoder);
  plan.cache = Engine::planned_cache_bytes(parts_->config, decoder, backend(), options);
  const PassPlan pass = Engine::plan_pass(parts_->config, decoder, backend(), options);
  plan.activations = pass.activations + pass.scratch.total();
  plan.tokenizer = parts_->tokenizer.memory_bytes();
  plan.program = kProgramBytes;
  return plan;
}

Sampling LoadedModel::default_sampling() const {
  Sampling sampling;  // DeepSeek's recommendation
  const Json& config = parts_->source->generation_config();
  const std::string file = parts_->source->path();
  const auto do_sample = config.find("do_sample");
  read_number(config, "temperature", sampling.temperature, 0, 100, file);
  read_number(config, "top_p", sampling.top_p, 0, 1, file);
  read_number(config, "top_k", sampling.top_k, 0, 1e9, file);
  read_number(config, "min_p", sampling.min_p, 0, 1, file);
  if (do_sample != config.end() && do_sample->is_boolean() && !do_sample->get<bool>()) sampling.temperature = 0;
  return sampling;
}

std::vector<int32_t> LoadedModel::end_ids() const {
  std::vector<int32_t> ids = parts_->tokenizer.end_ids();
  append_ids(parts_->source->config(), "eos_token_id", ids);
  append_ids(parts_->source->generation_config(), "eos_token_id", ids);
  std::erase_if(ids, [&](int32_t id) { return id < 0 || id >= parts_->config.vocabulary; });
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

bool LoadedModel::has_chat_template() const { return parts_->chat_template.has_value(); }

namespace {

const ChatTemplate& need(const std::optional<ChatTemplate>& chat_template, const fs::path& path) {
  if (!chat_template) {
    throw Error(fmt::format("{}: the model has no chat template, so messages cannot be rendered", path.string()),
                Exit::kBadModel,
                fmt::format("give plain text, or name a template with --chat-template ({})",
                            fmt::join(ChatTemplate::built_in_names(), ", ")));
  }
  return *chat_template;
}

TemplateInput with_tokens(TemplateInput input, const Tokenizer& tokenizer) {
  if (input.bos_token.empty()) input.bos_token = tokenizer.bos_text();
  if (input.eos_token.empty()) input.eos_token = tokenizer.eos_text();
  return input;
}

}  // namespace

std::vector<int32_t> LoadedModel::encode_chat(const TemplateInput& input) const {
  const auto prompt = need(parts_->chat_template, parts_->path).render(with_tokens(input, parts_->tokenizer));
  return parts_->tokenizer.encode(prompt);
}

std::string LoadedModel::render_chat(const TemplateInput& input) const {
  std::string text;
  for (const PromptSpan& span : need(parts_->chat_template, parts_->path).render(with_tokens(input, parts_->tokenizer)))
    text += span.text;
  return text;
}

bool LoadedModel::is_reasoning_model() const {
  if (parts_->tokenizer.think_open() && parts_->tokenizer.think_close()) return true;
  if (!parts_->chat_template) return false;
  TemplateInput input;
  input.messages = {{.role = "user", .content = "?", .reasoning = "", .extra = {}}};
  try {
    return render_chat(input).find("<think>") != std::string::npos;
  } catch (const Error&) {
    return false;  // a template that wants more than one user turn
  }
}

std::unique_ptr<Engine> LoadedModel::make_engine(const EngineOptions& options) {
  return std::make_unique<Engine>(decoder(), tokenizer(), backend(), end_ids(), options);
}

}  // namespace r1
