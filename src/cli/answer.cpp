#include "cli/answer.h"

#include <chrono>

#include "cli/thinking.h"

namespace r1 {
namespace {

using Clock = std::chrono::steady_clock;

// Drives the requests that make one answer.
class Answering {
 public:
  Answering(Engine& engine, const Tokenizer& tokenizer, const AnswerWatch& watch)
      : engine_(engine), tokenizer_(tokenizer), watch_(watch) {}

  // Runs one request until it ends, is stopped, or has thought for `budget` tokens; true in the last case.
  bool run(Request request, int64_t budget) {
    bool thinking = request.thinking, cancelled = false, over_budget = false;
    int64_t thought = 0;
    const RequestId id = engine_.submit(std::move(request));
    for (;;) {
      if (!cancelled && watch_.stop && watch_.stop()) {
        engine_.cancel(id);
        cancelled = true;
      }
      for (const Event& event : engine_.step()) {
        if (event.request != id) continue;
        take(event);
        if (event.finish != FinishReason::None) return over_budget && event.finish == FinishReason::Cancelled;
        if (event.token < 0) continue;
        if (event.token == tokenizer_.think_open()) thinking = true;
        if (event.token == tokenizer_.think_close()) thinking = false;
        thought += thinking;
        if (budget >= 0 && thinking && thought >= budget && !cancelled) {
          engine_.cancel(id);
          cancelled = over_budget = true;
        }
      }
    }
  }

  const Usage& last_usage() const { return last_usage_; }
  Answer& so_far() { return answer_; }

  Answer finish() {
    const auto now = Clock::now();
    const auto first = have_token_ ? first_token_ : now;
    answer_.prompt_seconds = std::chrono::duration<double>(first - begin_).count();
    answer_.answer_seconds = std::chrono::duration<double>(now - first).count();
    return std::move(answer_);
  }

 private:
  void take(const Event& event) {
    if (event.finish == FinishReason::Error) throw Error(event.error, Exit::kFailure);
    if (event.token >= 0) {
      if (!have_token_) first_token_ = Clock::now();
      have_token_ = true;
      answer_.ids.push_back(event.token);
    }
    answer_.reasoning += event.reasoning;
    answer_.text += event.text;
    if (watch_.show && (!event.reasoning.empty() || !event.text.empty())) watch_.show(event.reasoning, event.text);
    if (event.finish != FinishReason::None) {
      answer_.finish = event.finish;
      last_usage_ = usage_of(event);
    }
  }

  Engine& engine_;
  const Tokenizer& tokenizer_;
  const AnswerWatch& watch_;
  Clock::time_point begin_ = Clock::now(), first_token_;
  bool have_token_ = false;
  Answer answer_;
  Usage last_usage_;
};

double rate(int64_t tokens, double seconds) { return seconds > 0 ? static_cast<double>(tokens) / seconds : 0; }

}  // namespace

OrderedJson Usage::to_json() const {
  return {{"prompt_tokens", prompt},
          {"completion_tokens", completion},
          {"total_tokens", prompt + completion},
          {"cached_tokens", cached},
          {"reasoning_tokens", reasoning}};
}

Usage usage_of(const Event& last) {
  return {last.prompt_tokens, last.cached_tokens, last.completion_tokens, last.reasoning_tokens};
}

std::string Answer::speed_text() const {
  const int64_t computed = usage.prompt - usage.cached;
  std::string text = fmt::format("prompt {} tokens", usage.prompt);
  if (usage.cached > 0) text += fmt::format(" ({} known)", usage.cached);
  text += fmt::format(", {:.1f} tok/s; answer {} tokens", rate(computed, prompt_seconds), usage.completion);
  // The first token belongs to the prompt's time.
  if (usage.completion > 1) text += fmt::format(", {:.1f} tok/s", rate(usage.completion - 1, answer_seconds));
  return text;
}

Answer answer(Engine& engine, const Tokenizer& tokenizer, Request request, int64_t thought_budget,
              const AnswerWatch& watch) {
  Answering work(engine, tokenizer, watch);
  Request rest = request;
  const int64_t limit = request.max_tokens;
  const bool cut = work.run(std::move(request), thought_budget);
  Answer& answer = work.so_far();
  answer.usage = work.last_usage();
  if (!cut) return work.finish();

  const std::vector<int32_t> end = end_of_thought(tokenizer);
  answer.ids.insert(answer.ids.end(), end.begin(), end.end());
  const auto written = static_cast<int64_t>(answer.ids.size());
  answer.usage.completion = written;
  answer.finish = FinishReason::Length;
  rest.prompt.insert(rest.prompt.end(), answer.ids.begin(), answer.ids.end());
  rest.thinking = false;
  if (limit >= 0) rest.max_tokens = limit - written;
  if (limit >= 0 && rest.max_tokens <= 0) return work.finish();
  work.run(std::move(rest), -1);
  answer.usage.completion += work.last_usage().completion;
  return work.finish();
}

}  // namespace r1
