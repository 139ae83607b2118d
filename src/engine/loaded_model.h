// LoadedModel: what every door opens first: a folder or a .gguf file -> weights, tokenizer, template, sampling
// defaults; then, when asked to load, backend and decoder.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/open_tokenizer.h"  // also for those who want no more of a model
#include "engine/request.h"
#include "formats/weight_source.h"
#include "models/decoder.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace r1 {

// What a model will take, told before anything is loaded.
struct MemoryPlan {
  size_t weights = 0;      // as packed
  size_t cache = 0;        // pages for the context
  size_t activations = 0;  // of the largest pass, and what its kernels keep for themselves
  size_t tokenizer = 0;
  size_t program = 0;  // the process itself
  size_t total() const { return weights + cache + activations + tokenizer + program; }
};

struct LoadOptions {
  std::string backend = "cpu";
  int threads = 0;
  bool exact = false;
  bool mtp = false;
  std::string chat_template = {};  // a built-in's name or a file, instead of the model's own
  std::function<void(uint64_t done, uint64_t total)> progress = {};
};

class LoadedModel {
 public:
  // Opens and checks every header; loads no weights.
  explicit LoadedModel(const std::filesystem::path& model, LoadOptions options = {});
  ~LoadedModel();

  const ModelConfig& config() const;
  const WeightSource& source() const;
  const Tokenizer& tokenizer() const;
  Backend& backend();        // opened on first use
  const Decoder& decoder();  // packs the weights on first use
  MemoryPlan plan(const EngineOptions& options);

  Sampling default_sampling() const;     // generation_config, else DeepSeek's recommendation (usage.md 1.1)
  std::vector<int32_t> end_ids() const;  // config, generation_config, tokenizer (tokenizer.md 3.5)
  bool has_chat_template() const;
  // Renders messages and encodes them; message text never becomes a control token. Throws Error where there is no
  // template.
  std::vector<int32_t> encode_chat(const TemplateInput& input) const;
  std::string render_chat(const TemplateInput& input) const;
  bool is_reasoning_model() const;  // has think tokens, or a template that opens a thought

  std::unique_ptr<Engine> make_engine(const EngineOptions& options = {});

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace r1
