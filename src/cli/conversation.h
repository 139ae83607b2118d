// Conversation: what has been said, and how the next answer is made. Both `r1 run` with one question and the chat stand
// on it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/answer.h"
#include "cli/model_options.h"
#include "cli/thinking.h"

namespace r1 {

struct ConversationOptions {
  SamplingOptions sampling;
  std::string system;
  Thinking thinking;
  int64_t context = 0;  // the engine's
  bool raw = false;     // no template: every question is continued as it is, and nothing is remembered
};

class Conversation {
 public:
  // The model and the engine outlive the conversation.
  Conversation(const LoadedModel& model, Engine& engine, ConversationOptions options);

  // Asks, and remembers question and answer (also one that was stopped). Throws Error, and remembers nothing, if it
  // does not fit.
  Answer ask(const std::string& question, const AnswerWatch& watch);

  void reset() { messages_.clear(); }
  void save(const std::string& file) const;       // JSON
  void load(const std::string& file);             // what save() wrote; throws Error
  static bool is_saved(const std::string& file);  // did save() write it?

  // The line below an answer: its speed and, where that is not its natural end, why it ended: "[…; stopped]".
  std::string closing_line(const Answer& made) const;

  void think(const Thinking& thinking);  // from the next answer on; throws what check_thinking() does
  ConversationOptions& options() { return options_; }
  const std::vector<Message>& messages() const { return messages_; }
  uint64_t last_seed() const { return last_seed_; }  // draws the last answer again

 private:
  std::vector<int32_t> prompt(const std::string& question) const;

  const LoadedModel& model_;
  Engine& engine_;
  ConversationOptions options_;
  std::vector<Message> messages_;
  uint64_t last_seed_ = 0;
};

}  // namespace r1
