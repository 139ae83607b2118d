// What goes into the engine and what comes out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace r1 {

using RequestId = uint64_t;

// Temperature 0 is greedy. Filters in this order: temperature, top_k, top_p, min_p; 0, 1 and 0 switch them off.
struct Sampling {
  float temperature = 0.6f;
  float top_p = 0.95f;
  int top_k = 0;
  float min_p = 0;
  uint64_t seed = 0;  // the token at position p is a function of (seed, p) and the distribution
};

struct Request {
  std::vector<int32_t> prompt;  // at least one id
  int64_t max_tokens = -1;      // -1: until an end token or the context is full
  Sampling sampling;
  std::vector<std::string> stop;  // stop strings, in the answer's text
  bool ignore_eos = false;
  bool thinking = false;      // the prompt ends inside a thought
  bool score_prompt = false;  // log-probabilities of the prompt's tokens; no token is generated if max_tokens is 0
  int top = 0;                // with score_prompt: the likeliest `top` ids of every position, too
};

enum class FinishReason : uint8_t { None, Stop, Length, Cancelled, Error };
std::string_view name(FinishReason reason);  // "stop", "length", …

// The whole distribution before temperature and filters, natural logarithm. Entry 0 of a prompt has no predecessor.
struct PromptScores {
  std::vector<float> logprobs;                              // [prompt], [0] is NaN
  std::vector<std::vector<std::pair<int32_t, float>>> top;  // [prompt][top], [0] empty
};

struct Event {
  RequestId request = 0;
  int32_t token = -1;           // -1: no token with this event
  float logprob = 0;            // of `token`
  std::string text, reasoning;  // whole characters that became certain with this token
  FinishReason finish = FinishReason::None;
  std::string error;                   // with FinishReason::Error
  std::optional<PromptScores> scores;  // once, when the prompt has been computed
  // With the last event. Cached: prompt tokens found on kept pages when the request first ran.
  int64_t prompt_tokens = 0, cached_tokens = 0, completion_tokens = 0, reasoning_tokens = 0;
};

}  // namespace r1
