// StreamDecoder: tokens in, text pieces out, as an answer is being written: never half a character, stop strings cut,
// the thought split from the answer (tokenizer.md 6, usage.md 5.1). What it writes does not depend on how the text is
// cut into tokens.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace r1 {

struct TextPiece {
  std::string reasoning, text;  // either may be empty
  bool stopped = false;         // a stop string was reached: nothing follows it, later pushes are ignored
};

// An answer passes through at most three states: before its first visible character (where a thought may be opened),
// the thought, and the text after it. White space around the thought's tags belongs to neither side: before "<think>",
// after it, after "</think>", and line ends before "</think>". Tags are the tokenizer's think tokens; where its
// vocabulary has none, their text. Once the thought is closed, or text has begun without one, tags are text like any
// other. Special tokens (Tokenizer::is_special) write nothing, but for tags that are not split off.
class StreamDecoder {
 public:
  // `thinking`: the rendered prompt ended inside a thought (prompt_opens_thought). `split`: false leaves tags and
  // thought in the text, where stop strings apply everywhere. Otherwise they apply to the answer, not to the thought;
  // the match that ends first counts. `tokenizer` outlives the decoder.
  StreamDecoder(const Tokenizer& tokenizer, std::vector<std::string> stop = {}, bool thinking = false,
                bool split = true);

  TextPiece push(int32_t id);
  TextPiece finish();  // flushes what was held back; an incomplete character becomes U+FFFD

  bool thinking() const { return state_ == State::kThought; }

 private:
  enum class State { kStart, kThought, kAnswer };

  void decode(std::string_view bytes, bool last, TextPiece& piece);
  void open_thought();
  void close_thought(TextPiece& piece);
  void advance(TextPiece& piece, bool last);
  bool leave_start(TextPiece& piece, bool last);
  bool write_thought(TextPiece& piece, bool last);
  void write_answer(TextPiece& piece, bool last);

  const Tokenizer* tokenizer_;
  std::vector<std::string> stop_;
  bool split_, stopped_ = false;
  State state_;
  bool eat_space_ = false;  // white space after a tag is not part of the thought or the answer
  std::string bytes_;       // an incomplete character
  std::string held_;        // characters that may become a tag or a stop string, or be white space around a tag
};

// True where a prompt's last tokens open a thought: after its last other control token "<think>" came and "</think>"
// did not.
bool prompt_opens_thought(const Tokenizer& tokenizer, const std::vector<int32_t>& prompt);

}  // namespace r1
