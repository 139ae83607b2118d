#include "engine/loaded_model.h"

#include <fmt/ranges.h>

#include "base/file.h"
#include "engine/generation_defaults.h"
#include "engine/open_tokenizer.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;

// The process itself before any model, without the clean pages of its files: heap and data of its libraries.
constexpr size_t kProgramBytes = size_t{2} << 20;

}  // namespace

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
  Tokenizer tokenizer = open_tokenizer(model, *source);
  parts_.reset(
      new Parts{model, std::move(options), std::move(source), std::move(config), std::move(tokenizer), {}, {}, {}});
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
    if (known.empty() && kind_of(options.chat_template) == FileKind::Nothing) {
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

Sampling LoadedModel::default_sampling() const { return r1::default_sampling(*parts_->source); }

std::vector<int32_t> LoadedModel::end_ids() const {
  return r1::end_ids(*parts_->source, parts_->tokenizer, parts_->config.vocabulary);
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
