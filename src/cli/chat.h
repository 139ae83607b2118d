// Chat: a conversation with a person at a terminal: lines in, answers out, and commands that begin with a slash.
#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "cli/conversation.h"
#include "cli/line_editor.h"

namespace r1 {

struct ChatOptions {
  bool hide_thinking = false;
  std::filesystem::path history;
  std::function<std::string()> memory;  // a line about memory, for /stats
};

class Chat {
 public:
  Chat(Conversation& conversation, ChatOptions options);
  int run();  // until /quit, Ctrl-D, or Ctrl-C at the prompt: the exit status

 private:
  std::optional<std::string> read_message(bool* interrupted);  // several lines if they are continued; nullopt: the end
  LineEditor::End next_line(const std::string& prompt, std::string* line);
  void answer_to(const std::string& question);
  void take_typed();                      // what was typed while the answer is written
  bool stop_wanted();                     // Ctrl-C, or /stop typed while the answer is written
  bool command(const std::string& line);  // false: quit
  void set(const std::string& rest);
  void think(const std::string& rest);
  void save(const std::string& file);
  void stats() const;

  Conversation& conversation_;
  ChatOptions options_;
  LineEditor editor_;
  std::deque<std::string> typed_ahead_;  // lines typed while the answer was written
  bool input_ended_ = false;
  std::string last_speed_;
};

}  // namespace r1
