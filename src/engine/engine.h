// Engine: turns requests into tokens on a fixed number of pages: chunked prefill, many sequences per pass, prefix
// reuse, preemption. One thread calls step(); submit() and cancel() may be called from any thread. The decoder's
// weights are read, never written; after training changes them, call forget_cache().
//
// A request ends with FinishReason::Error, and no other is touched, where it cannot run (an empty prompt, one that the
// context does not hold, an id outside the vocabulary) and where a logit that it needs is not a finite number.
//
// A request's tokens and log-probabilities depend on that request alone, bit for bit (decisions.md 3): whatever runs
// beside it, however its prompt is chunked, which pages are reused, how often it is preempted, on any number of
// threads.
#pragma once

#include <memory>
#include <vector>

#include "compute/backend.h"
#include "engine/engine_options.h"
#include "engine/request.h"
#include "models/decoder.h"
#include "text/tokenizer.h"

namespace r1 {

struct EngineStats {
  int64_t prompt_tokens = 0;  // computed, and those of paused sequences again: over prompt_seconds it is a speed
  int64_t cached_tokens = 0;  // of prompts, found on kept pages when their requests first ran
  int64_t generated_tokens = 0, passes = 0, preemptions = 0;
  double prompt_seconds = 0, decode_seconds = 0;  // of passes that computed prompts, and of the others
};

class Engine {
 public:
  Engine(const Decoder& decoder, const Tokenizer& tokenizer, Backend& backend, std::vector<int32_t> end_ids,
         EngineOptions options = {});
  ~Engine();

  RequestId submit(Request request);  // returns at once; the request waits until there are pages for it
  // One forward pass; at most one event per running sequence. All that it needs was taken when the engine was made, but
  // for the answers' own tokens and text; should that be refused (std::bad_alloc), the pass is lost and with it the
  // engine: it may only be destroyed.
  std::vector<Event> step();
  bool idle() const;          // nothing waits or runs
  void cancel(RequestId id);  // ends it: one last event with FinishReason::Cancelled, none after
  // The weights have changed: nothing that was computed before is shared any more. Requests that run go on with the
  // keys and values that they have; cancel those for which that is not wanted. Not while step() runs.
  void forget_cache();

  const EngineStats& stats() const;

  // What the engine takes when it is made for a decoder of this config: its pages, and all that its largest pass needs.
  static size_t planned_cache_bytes(const ModelConfig& config, const DecoderOptions& decoder, const Backend& backend,
                                    const EngineOptions& options);
  static PassPlan plan_pass(const ModelConfig& config, const DecoderOptions& decoder, const Backend& backend,
                            const EngineOptions& options);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace r1
