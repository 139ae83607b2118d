// What every verb that runs a model can be told about it: where it is, how it computes, and how it samples.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/options.h"
#include "engine/loaded_model.h"

namespace r1 {

struct ModelOptions {
  std::string model;
  int threads = 0;  // 0: all physical cores
  bool exact = false;
  std::string chat_template;
  std::optional<int64_t> context;

  void declare_model(Options& options);    // the MODEL argument
  void declare_compute(Options& options);  // --threads, --exact, --context
  void declare_template(Options& options);

  // Opens headers and tokenizer; the weights are loaded later, with a progress bar, by load().
  LoadedModel open() const;

  // The longest sequence, where nobody chose one: the model's own limit, but at most `usual`.
  int64_t context_or(const ModelConfig& config, int64_t usual) const;

  LoadOptions load_options() const;
};

// A name for what a path points to, in messages and JSON: its last part.
std::string model_name(const std::string& path);

// Checks that the plan fits into free memory, throws Error(kOutOfMemory) else; then loads the weights and starts an
// engine.
std::unique_ptr<Engine> start_engine(LoadedModel& model, const EngineOptions& options);

// "memory: planned 412 MiB (…), measured peak 398 MiB\n"
std::string memory_text(const MemoryPlan& plan);

// Longest context that a default gives: long enough for a thought, small enough for a laptop.
inline constexpr int64_t kUsualContext = 4096;

struct SamplingOptions {
  std::optional<float> temperature, top_p, min_p;
  std::optional<int> top_k;
  std::optional<uint64_t> seed;
  std::optional<int64_t> max_tokens;
  std::vector<std::string> stop;

  void declare(Options& options);
  Sampling over(Sampling model_default) const;  // seed 0 where none was chosen
};

}  // namespace r1
