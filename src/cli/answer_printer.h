// AnswerPrinter: an answer on the screen as it is written: the thought dim, then the answer.
// On a terminal both go to standard output. Where standard output is a pipe or a file it gets the answer alone, and the
// thought goes to stderr.
#pragma once

#include <string_view>

namespace r1 {

class AnswerPrinter {
 public:
  explicit AnswerPrinter(bool hide_thinking);

  void show(std::string_view reasoning, std::string_view text);
  void finish();  // ends the line

 private:
  void thought(std::string_view piece);
  void end_thought();
  void put(int descriptor, std::string_view text);

  bool hidden_, to_screen_;
  int thought_to_;  // the descriptor
  bool in_thought_ = false, wrote_text_ = false, line_open_ = false;
};

}  // namespace r1
