// Thinking: how much thought a prompt asks for. Off: the prompt ends with an empty thought (usage.md 5.2). On: it ends
// inside one. A budget: thought ends after so many tokens, whatever the model wants (cli/answer.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/loaded_model.h"
#include "text/stream_decoder.h"

namespace r1 {

struct Thinking {
  enum class Mode { Model, On, Off } mode = Mode::Model;  // Model: as its template has it ("auto")
  int64_t budget = -1;                                    // tokens; -1: no limit

  // "auto", "on", "off", or a number of tokens (0 is off). Throws Error.
  static Thinking from_text(const std::string& text);
  std::string text() const;
};

// Throws Error(kUsage) where thinking is chosen and the model has no think tokens. Off is right for every model.
void check_thinking(const Thinking& thinking, const LoadedModel& model);

// Renders the conversation for the next answer and encodes it, with the thought opened or closed as asked. Throws Error
// where the model has no template, and what check_thinking() does.
std::vector<int32_t> encode_conversation(const LoadedModel& model, std::vector<Message> messages,
                                         const Thinking& thinking);

// The ids that end a thought, "\n</think>\n\n", to go behind one that was cut short.
std::vector<int32_t> end_of_thought(const Tokenizer& tokenizer);

}  // namespace r1
