// StreamDecoder: tokens in, text pieces out, as an answer is being written: never half a character, stop strings cut, the thought
// split from the answer (tokenizer.md 6, usage.md 5.1).
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

class StreamDecoder {
 public:
  // `thinking`: the rendered prompt ended inside a thought (prompt_opens_thought). `split`: false leaves tags and thought in the text.
  // Stop strings apply to the answer, not to the thought. `tokenizer` outlives the decoder.
  StreamDecoder(const Tokenizer& tokenizer, std::vector<std::string> stop = {}, bool thinking = false, bool split = true);

  TextPiece push(int32_t id);
  TextPiece finish();  // flushes what was held back; an incomplete character becomes U+FFFD

  bool thinking() const { return thinking_; }

 private:
  struct Utf8Tail;
  const Tokenizer* tokenizer_;
  std::vector<std::string> stop_;
  bool thinking_, split_, stopped_ = false, started_ = false;
  bool eat_space_ = false;    // white space after a tag is not part of the thought or the answer
  std::string bytes_, held_;  // an incomplete character; text that may become a tag or a stop string
};

// True where a prompt's last tokens open a thought: after the last assistant turn began, "<think>" came and "</think>" did not.
bool prompt_opens_thought(const Tokenizer& tokenizer, const std::vector<int32_t>& prompt);

}  // namespace r1
