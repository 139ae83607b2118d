#include "cli/answer_printer.h"

#include <unistd.h>

#include <string>

#include "cli/output.h"
#include "cli/terminal.h"

namespace r1 {

AnswerPrinter::AnswerPrinter(bool hide_thinking)
    : hidden_(hide_thinking),
      to_screen_(is_terminal(STDOUT_FILENO)),
      thought_to_(to_screen_ ? STDOUT_FILENO : STDERR_FILENO) {
  if (!to_screen_ && verbosity() < 0) hidden_ = true;
}

void AnswerPrinter::put(int descriptor, std::string_view text) {
  if (descriptor == STDERR_FILENO) return say(text);
  standard_output().write(text);
  standard_output().flush();
}

// Without colours the tags tell thought from answer. With them the model's own escape sequences would undo ours, even
// in a file that is shown later.
void AnswerPrinter::thought(std::string_view piece) {
  if (hidden_ || piece.empty()) return;
  const bool dim = colours(thought_to_);
  if (!in_thought_ && !dim) put(thought_to_, "<think>\n");
  in_thought_ = true;
  const std::string text = dim || is_terminal(thought_to_) ? printable(piece) : std::string(piece);
  put(thought_to_, styled(thought_to_, Style::Dim, text));
  line_open_ = !piece.ends_with('\n');
}

void AnswerPrinter::end_thought() {
  if (!in_thought_) return;
  in_thought_ = false;
  put(thought_to_, line_open_ ? "\n" : "");
  put(thought_to_, colours(thought_to_) ? "\n" : "</think>\n\n");
  line_open_ = false;
}

void AnswerPrinter::show(std::string_view reasoning, std::string_view text) {
  thought(reasoning);
  if (text.empty()) return;
  end_thought();
  put(STDOUT_FILENO, to_screen_ ? printable(text) : std::string(text));
  wrote_text_ = true;
  line_open_ = !text.ends_with('\n');
}

void AnswerPrinter::finish() {
  if (in_thought_) return end_thought();
  if (line_open_ || !wrote_text_) put(STDOUT_FILENO, "\n");
  line_open_ = false;
}

}  // namespace r1
