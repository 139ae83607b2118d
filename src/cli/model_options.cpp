#include "cli/model_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/memory.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/terminal.h"

namespace r1 {

void ModelOptions::declare_model(Options& options) {
  options.positional(model, "MODEL",
                     "a folder in the hub's layout (config.json, *.safetensors, tokenizer.json) or a .gguf file");
}

void ModelOptions::declare_compute(Options& options) {
  options.group("Computation");
  options.add("t,threads", threads, "N", "threads; 0 takes every physical core").range(0, 4096);
  options.add_switch("exact", exact, "float32 throughout: slower, nothing is rounded to fewer bits on the way");
  options.add("context", context, "N", "longest sequence in tokens, prompt and answer")
      .range(1, 1 << 30)
      .otherwise("the model's, at most 4096");
}

void ModelOptions::declare_template(Options& options) {
  options
      .add("chat-template", chat_template, "NAME", "a built-in template's name, or a file, instead of the model's own")
      .otherwise("the model's")
      .path();
}

LoadOptions ModelOptions::load_options() const {
  LoadOptions load;
  load.threads = threads;
  load.exact = exact;
  load.chat_template = chat_template;
  load.progress = [bar = std::make_shared<std::unique_ptr<Progress>>()](uint64_t done, uint64_t total) {
    check_interrupt();
    if (*bar == nullptr) *bar = std::make_unique<Progress>("loading", Progress::Unit::Bytes, total);
    (*bar)->update(done, total);
    if (done >= total) (*bar)->finish();
  };
  return load;
}

LoadedModel ModelOptions::open() const {
  try {
    return LoadedModel(model, load_options());
  } catch (const Error& error) {
    if (error.exit() != Exit::kNotFound || !error.hint().empty()) throw;
    throw Error(error.what(), error.exit(),
                "MODEL is a folder with config.json and *.safetensors, or a .gguf file, on this machine");
  }
}

int64_t ModelOptions::context_or(const ModelConfig& config, int64_t usual) const {
  if (context) return *context;
  return config.context > 0 ? std::min(config.context, usual) : usual;
}

std::string model_name(const std::string& path) {
  const std::filesystem::path clean = std::filesystem::path(path).lexically_normal();
  return (clean.has_filename() ? clean : clean.parent_path()).filename().string();
}

std::unique_ptr<Engine> start_engine(LoadedModel& model, const EngineOptions& options) {
  const int64_t trained = model.config().context;
  if (trained > 0 && options.context > trained) {
    warn(fmt::format("a context of {} tokens: the model is made for {}, beyond them it may lose the thread",
                     options.context, trained));
  }
  const MemoryPlan plan = model.plan(options);
  const uint64_t available = available_memory();
  if (available > 0 && plan.total() > available) {
    throw Error(
        fmt::format("{}: needs {} of memory (weights {}, cache for {} tokens {}), but {} are free",
                    model.source().path(), bytes_text(static_cast<double>(plan.total())),
                    bytes_text(static_cast<double>(plan.weights)), std::max(options.context, options.cache_positions),
                    bytes_text(static_cast<double>(plan.cache)), bytes_text(static_cast<double>(available))),
        Exit::kOutOfMemory, "a smaller --context takes less; 'r1 show MODEL' tells the plan");
  }
  model.decoder();
  return model.make_engine(options);
}

std::string memory_text(const MemoryPlan& plan) {
  const auto text = [](uint64_t bytes) { return bytes_text(static_cast<double>(bytes)); };
  return fmt::format(
      "memory: planned {} (weights {}, cache {}, activations {}, tokenizer {}, program {}), measured peak {}\n",
      text(plan.total()), text(plan.weights), text(plan.cache), text(plan.activations), text(plan.tokenizer),
      text(plan.program), text(peak_memory()));
}

void SamplingOptions::declare(Options& options) {
  options.group("Sampling");
  options.add("temperature", temperature, "T", "randomness; 0 always takes the likeliest token")
      .range(0, 100)
      .otherwise("the model's, else 0.6");
  options.add("top-p", top_p, "P", "only the likeliest tokens that together have this probability")
      .range(0, 1)
      .otherwise("the model's, else 0.95");
  options.add("top-k", top_k, "K", "only the K likeliest tokens; 0 for all")
      .range(0, 1 << 30)
      .otherwise("the model's, else 0");
  options.add("min-p", min_p, "P", "only tokens at least P times as likely as the likeliest")
      .range(0, 1)
      .otherwise("the model's, else 0");
  options.add("seed", seed, "N", "the same seed gives the same answer").otherwise("see below");
  options.add("n,max-tokens", max_tokens, "N", "longest answer, thought included")
      .range(1, 1 << 30)
      .otherwise("what the context holds");
  options.add_list("stop", stop, "TEXT", "end the answer where this text would come");
}

Sampling SamplingOptions::over(Sampling sampling) const {
  if (temperature) sampling.temperature = *temperature;
  if (top_p) sampling.top_p = *top_p;
  if (top_k) sampling.top_k = *top_k;
  if (min_p) sampling.min_p = *min_p;
  sampling.seed = seed.value_or(0);
  return sampling;
}

}  // namespace r1
