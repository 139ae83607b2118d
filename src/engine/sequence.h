// Sequence: one request while it waits or runs: its tokens, its pages, how far they are computed, its text as it comes
// out.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/request.h"
#include "text/stream_decoder.h"

namespace r1 {

struct Sequence {
  Sequence(RequestId id, Request wanted, const Tokenizer& tokenizer)
      : id(id), request(std::move(wanted)), ids(request.prompt), stream(tokenizer, request.stop, request.thinking) {
    if (request.score_prompt) {
      scores.logprobs.resize(ids.size());
      scores.top.resize(ids.size());
    }
  }

  RequestId id;
  Request request;
  std::vector<int32_t> ids;    // prompt, then answer
  std::vector<int32_t> pages;  // pages[p] holds positions 64p … 64p + 63
  int64_t computed = 0;        // positions whose keys and values are on the pages
  int64_t kept = 0;            // leading pages that the pool keeps for sharing
  int64_t cached = 0;          // prompt positions that came from kept pages when it first ran
  bool has_run = false;        // it is, or was, among those that run
  int64_t reasoning_tokens = 0;
  bool shareable = true;  // no position was computed before the cache was forgotten
  bool scored = false;    // the prompt's scores have been handed out
  bool failed = false;    // its last event, an error, is among those of this step
  PromptScores scores;
  StreamDecoder stream;

  int64_t length() const { return static_cast<int64_t>(ids.size()); }
  int64_t prompt() const { return static_cast<int64_t>(request.prompt.size()); }
  int64_t answered() const { return length() - prompt(); }
  bool decoding() const { return computed + 1 == length() && answered() > 0; }
};

}  // namespace r1
