// Answer: one request run to its end on an engine that has no other, its text shown as it comes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "engine/engine.h"

namespace r1 {

struct Usage {
  int64_t prompt = 0, cached = 0, completion = 0, reasoning = 0;  // tokens
  OrderedJson to_json() const;
};
Usage usage_of(const Event& last_event);

struct Answer {
  std::vector<int32_t> ids;
  std::string text, reasoning;
  FinishReason finish = FinishReason::None;
  Usage usage;
  double prompt_seconds = 0, answer_seconds = 0;  // until the first token, and from there to the last

  // "prompt 33 tokens, 410.2 tok/s; answer 120 tokens, 45.0 tok/s"
  std::string speed_text() const;
};

struct AnswerWatch {
  std::function<void(std::string_view reasoning, std::string_view text)> show;  // pieces as they come
  std::function<bool()> stop;                                                   // asked before every pass: end it now?
};

// A thought is cut after `thought_budget` tokens (-1: never): the request ends, and a new one goes on behind
// "</think>"; what was computed is still on the engine's pages. Throws Error if the engine refuses the request.
Answer answer(Engine& engine, const Tokenizer& tokenizer, Request request, int64_t thought_budget,
              const AnswerWatch& watch);

}  // namespace r1
