// LineEditor: a line from a person, with editing and history on a terminal (libedit), plain elsewhere.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace r1 {

class LineEditor {
 public:
  enum class End { Line, EndOfInput, Interrupted };

  // Lines are remembered in `history`, a file of this user alone; "" remembers nothing.
  explicit LineEditor(std::filesystem::path history);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  // Waits for a line and puts it, without its newline, into `line`. Pasted text may hold newlines. Ctrl-C gives
  // Interrupted, Ctrl-D on an empty line EndOfInput.
  End read(const std::string& prompt, std::string* line);

 private:
  struct Terminal;
  std::unique_ptr<Terminal> terminal_;  // null: plain reading
};

}  // namespace r1
