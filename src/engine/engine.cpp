#include "engine/engine.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <mutex>

#include "engine/runner.h"
#include "engine/sampler.h"
#include "engine/scheduler.h"
#include "ops/kv_cache.h"

namespace r1 {
namespace {

int32_t cache_pages(const EngineOptions& options) {
  return static_cast<int32_t>(pages_for(std::max(options.cache_positions, options.context)));
}

// A limit of 0 would have the scheduler wait for ever.
EngineOptions checked(const EngineOptions& options) {
  R1_CHECK(options.context >= 1 && options.cache_positions >= 0 && options.max_sequences >= 1 &&
               options.max_rows >= 1 && options.chunk >= 1,
           "context {}, cache_positions {}, max_sequences {}, max_rows {}, chunk {}", options.context,
           options.cache_positions, options.max_sequences, options.max_rows, options.chunk);
  return options;
}

std::vector<bool> allowed_tokens(const Tokenizer& tokenizer, int64_t vocabulary) {
  std::vector<bool> allowed(static_cast<size_t>(std::min<int64_t>(vocabulary, tokenizer.size())));
  for (size_t id = 0; id < allowed.size(); ++id) allowed[id] = !tokenizer.is_unused(static_cast<int32_t>(id));
  return allowed;
}

}  // namespace

struct Engine::State {
  State(const Decoder& its_decoder, const Tokenizer& its_tokenizer, Backend& backend, std::vector<int32_t> its_end_ids,
        const EngineOptions& its_options)
      : decoder(&its_decoder),
        tokenizer(&its_tokenizer),
        end_ids(std::move(its_end_ids)),
        options(checked(its_options)),
        cache(backend, decoder->kv_shape(), decoder->kv_layers(), cache_pages(options)),
        pool(cache.pages()),
        scheduler(pool, options),
        runner(*decoder, backend, cache, plan_pass(decoder->config(), decoder->options(), backend, options)),
        sampler(allowed_tokens(*tokenizer, decoder->config().vocabulary)) {}

  const Decoder* decoder;
  const Tokenizer* tokenizer;
  std::vector<int32_t> end_ids;
  EngineOptions options;
  KvCache cache;
  PagePool pool;
  Scheduler scheduler;
  Runner runner;
  Sampler sampler;
  EngineStats stats;

  mutable std::mutex mutex;  // guards what other threads hand in
  RequestId last_id = 0;
  std::vector<std::pair<RequestId, Request>> submitted;
  std::vector<RequestId> cancelled;

  void receive(std::vector<Event>& events);
  std::string refusal(const Request& request) const;
  void use_logits(const Runner::Wanted& wanted, std::span<const float> logits, std::vector<Event>& events);
  Event answer(Sequence& sequence, int32_t token, float logprob);
  Event failure(Sequence& sequence, std::string why);
  void finish(Sequence& sequence, Event& event, FinishReason reason);
  void end_turns(std::span<const Turn> turns, std::vector<Event>& events);
};

Engine::Engine(const Decoder& decoder, const Tokenizer& tokenizer, Backend& backend, std::vector<int32_t> end_ids,
               EngineOptions options)
    : state_(std::make_unique<State>(decoder, tokenizer, backend, std::move(end_ids), options)) {}

Engine::~Engine() = default;

RequestId Engine::submit(Request request) {
  const std::lock_guard lock(state_->mutex);
  state_->submitted.emplace_back(++state_->last_id, std::move(request));
  return state_->last_id;
}

void Engine::cancel(RequestId id) {
  const std::lock_guard lock(state_->mutex);
  state_->cancelled.push_back(id);
}

bool Engine::idle() const {
  const std::lock_guard lock(state_->mutex);
  return state_->submitted.empty() && state_->cancelled.empty() && state_->scheduler.idle();
}

void Engine::forget_cache() { state_->scheduler.forget(); }

const EngineStats& Engine::stats() const { return state_->stats; }

// "" or why a request cannot run.
std::string Engine::State::refusal(const Request& request) const {
  const auto length = static_cast<int64_t>(request.prompt.size());
  if (length == 0) return "the prompt is empty";
  if (length > options.context)
    return fmt::format("the prompt has {} tokens, the context holds {}", length, options.context);
  if (length == options.context && request.max_tokens != 0)
    return fmt::format("the prompt has {} tokens and fills the context: there is no room for an answer", length);
  for (const int32_t id : request.prompt) {
    if (id < 0 || id >= decoder->config().vocabulary) {
      return fmt::format("token id {} is outside the model's vocabulary of {}", id, decoder->config().vocabulary);
    }
  }
  return "";
}

void Engine::State::receive(std::vector<Event>& events) {
  std::vector<std::pair<RequestId, Request>> fresh;
  std::vector<RequestId> ended;
  {
    const std::lock_guard lock(mutex);
    fresh.swap(submitted);
    ended.swap(cancelled);
  }
  for (auto& [id, request] : fresh) {
    if (const std::string why = refusal(request); !why.empty()) {
      Event event;
      event.request = id;
      event.finish = FinishReason::Error;
      event.error = why;
      event.prompt_tokens = static_cast<int64_t>(request.prompt.size());
      events.push_back(std::move(event));
    } else {
      scheduler.add(std::make_unique<Sequence>(id, std::move(request), *tokenizer));
    }
  }
  for (const RequestId id : ended) {
    if (const auto sequence = scheduler.remove(id)) {
      Event event;
      event.request = id;
      finish(*sequence, event, FinishReason::Cancelled);
      events.push_back(std::move(event));
    }
  }
}

std::vector<Event> Engine::step() {
  State& state = *state_;
  std::vector<Event> events;
  state.receive(events);
  const std::vector<Turn> turns = state.scheduler.schedule();
  if (turns.empty()) return events;

  int64_t prompt_rows = 0;
  for (const Turn& turn : turns) prompt_rows += turn.sequence->decoding() ? 0 : turn.rows;
  const auto begin = std::chrono::steady_clock::now();
  state.runner.run(turns, [&](const Runner::Wanted& wanted, std::span<const float> logits) {
    state.use_logits(wanted, logits, events);
  });
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();

  ++state.stats.passes;
  state.stats.prompt_tokens += prompt_rows;
  (prompt_rows > 0 ? state.stats.prompt_seconds : state.stats.decode_seconds) += seconds;
  state.end_turns(turns, events);
  state.stats.cached_tokens = state.scheduler.reused_positions();
  state.stats.preemptions = state.scheduler.preemptions();
  return events;
}

void Engine::State::use_logits(const Runner::Wanted& wanted, std::span<const float> logits,
                               std::vector<Event>& events) {
  Sequence& sequence = *wanted.turn->sequence;
  if (sequence.failed) return;
  if (!all_finite(logits)) {
    events.push_back(
        failure(sequence, fmt::format("the model's logits at position {} are not finite", wanted.position)));
    return;
  }
  const double log_sum = log_sum_exp(logits);
  const int64_t next = wanted.position + 1;
  if (next < sequence.prompt()) {  // a prompt token's score
    const auto index = static_cast<size_t>(next);
    sequence.scores.logprobs[index] = log_probability(logits, log_sum, sequence.ids[index]);
    if (sequence.request.top > 0)
      sequence.scores.top[index] = top_log_probabilities(logits, log_sum, sequence.request.top);
    return;
  }
  const int32_t token = sampler.sample(logits, sequence.request.sampling, next);
  events.push_back(answer(sequence, token, log_probability(logits, log_sum, token)));
}

// Appends the token to the sequence and tells what came of it.
Event Engine::State::answer(Sequence& sequence, int32_t token, float logprob) {
  Event event;
  event.request = sequence.id;
  event.token = token;
  event.logprob = logprob;
  ++stats.generated_tokens;
  const bool ends = !sequence.request.ignore_eos && std::find(end_ids.begin(), end_ids.end(), token) != end_ids.end();
  if (sequence.stream.thinking()) ++sequence.reasoning_tokens;
  sequence.ids.push_back(token);
  if (!ends) {
    TextPiece piece = sequence.stream.push(token);
    event.text = std::move(piece.text);
    event.reasoning = std::move(piece.reasoning);
    if (piece.stopped) {
      finish(sequence, event, FinishReason::Stop);
      return event;
    }
  }
  const bool full = sequence.answered() == sequence.request.max_tokens || sequence.length() >= options.context;
  if (ends || full) finish(sequence, event, ends ? FinishReason::Stop : FinishReason::Length);
  return event;
}

Event Engine::State::failure(Sequence& sequence, std::string why) {
  Event event;
  event.request = sequence.id;
  event.error = std::move(why);
  finish(sequence, event, FinishReason::Error);
  sequence.failed = true;
  return event;
}

void Engine::State::finish(Sequence& sequence, Event& event, FinishReason reason) {
  TextPiece rest = sequence.stream.finish();
  event.text += rest.text;
  event.reasoning += rest.reasoning;
  event.finish = reason;
  event.prompt_tokens = sequence.prompt();
  event.cached_tokens = sequence.cached;
  event.completion_tokens = sequence.answered();
  event.reasoning_tokens = sequence.reasoning_tokens;
}

// Books the computed positions, hands out finished scores, and takes finished sequences out.
void Engine::State::end_turns(std::span<const Turn> turns, std::vector<Event>& events) {
  for (const Turn& turn : turns) {
    Sequence& sequence = *turn.sequence;
    if (sequence.failed) {  // before its pages could be kept for others
      scheduler.remove(sequence.id);
      continue;
    }
    scheduler.advance(sequence, turn.rows);
    const auto own =
        std::find_if(events.begin(), events.end(), [&](const Event& event) { return event.request == sequence.id; });
    Event* event = own == events.end() ? nullptr : &*own;
    if (sequence.computed < sequence.prompt()) continue;
    if (event == nullptr && sequence.request.max_tokens == 0) {  // nothing to generate: the prompt was all
      events.emplace_back().request = sequence.id;
      event = &events.back();
      finish(sequence, *event, FinishReason::Length);
    }
    if (event == nullptr) continue;
    if (sequence.request.score_prompt && !sequence.scored) {
      sequence.scored = true;
      if (!sequence.scores.logprobs.empty()) sequence.scores.logprobs[0] = std::numeric_limits<float>::quiet_NaN();
      event->scores = std::move(sequence.scores);
    }
    if (event->finish != FinishReason::None) scheduler.remove(sequence.id);
  }
}

size_t Engine::planned_cache_bytes(const ModelConfig& config, const DecoderOptions& decoder, const Backend& backend,
                                   const EngineOptions& options) {
  return KvCache::page_bytes(backend, kv_shape(config, decoder), kv_layers(config, decoder)) *
         static_cast<size_t>(cache_pages(options));
}

PassPlan Engine::plan_pass(const ModelConfig& config, const DecoderOptions& decoder, const Backend& backend,
                           const EngineOptions& options) {
  const int64_t rows = std::min<int64_t>(options.max_rows, options.context * options.max_sequences);
  return r1::plan_pass(config, decoder, backend, rows, options.context, std::min<int64_t>(rows, Runner::kLogitRows));
}

}  // namespace r1
