#include "text/stream_decoder.h"

#include <algorithm>

#include "base/utf8.h"

namespace r1 {
namespace {

constexpr std::string_view kOpen = "<think>", kClose = "</think>", kSpace = " \t\n\r\f\v", kLineEnds = "\r\n";
constexpr size_t kNone = std::string_view::npos;

// Length of the longest end of `text` that is a beginning, but not all, of `wanted`.
size_t partial_match(std::string_view text, std::string_view wanted) {
  for (size_t length = std::min(text.size(), wanted.size() - 1); length > 0; --length) {
    if (text.ends_with(wanted.substr(0, length))) return length;
  }
  return 0;
}

void drop_leading(std::string& text, std::string_view characters) {
  text.erase(0, std::min(text.find_first_not_of(characters), text.size()));
}

}  // namespace

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, std::vector<std::string> stop, bool thinking, bool split)
    : tokenizer_(&tokenizer),
      stop_(std::move(stop)),
      split_(split),
      state_(thinking ? State::kThought : State::kStart),
      eat_space_(thinking && split) {
  std::erase_if(stop_, [](const std::string& text) { return text.empty(); });
}

TextPiece StreamDecoder::push(int32_t id) {
  TextPiece piece;
  if (stopped_) return piece;
  const bool opens = id == tokenizer_->think_open(), closes = id == tokenizer_->think_close();
  if (!opens && !closes) {
    if (!tokenizer_->is_special(id)) decode(tokenizer_->bytes(id), false, piece);
    return piece;
  }
  if (split_) decode("", true, piece);  // no character goes on through a tag
  if (stopped_) return piece;
  const bool repeated = opens && state_ == State::kThought && eat_space_;  // by the model, after the prompt
  const bool begins = opens && state_ == State::kStart, ends = closes && state_ == State::kThought;
  if (split_ && begins) {
    open_thought();
  } else if (split_ && ends) {
    close_thought(piece);
  } else if (!split_ || !repeated) {
    state_ = begins ? State::kThought : ends ? State::kAnswer : state_;
    decode(tokenizer_->bytes(id), false, piece);
  }
  return piece;
}

TextPiece StreamDecoder::finish() {
  TextPiece piece;
  if (stopped_) return piece;
  decode("", true, piece);
  if (!stopped_) advance(piece, true);
  return piece;
}

// Appends the bytes' whole characters to held_ and moves on; the last call flushes an incomplete one.
void StreamDecoder::decode(std::string_view bytes, bool last, TextPiece& piece) {
  bytes_ += bytes;
  const size_t incomplete = last ? 0 : incomplete_utf8_tail(bytes_);
  held_ += replace_invalid_utf8(std::string_view(bytes_).substr(0, bytes_.size() - incomplete));
  bytes_.erase(0, bytes_.size() - incomplete);
  advance(piece, false);
}

void StreamDecoder::open_thought() {
  held_.clear();  // white space before the tag
  state_ = State::kThought;
  eat_space_ = true;
}

void StreamDecoder::close_thought(TextPiece& piece) {
  held_.erase(std::min(held_.find_last_not_of(kLineEnds) + 1, held_.size()));
  piece.reasoning += held_;
  held_.clear();
  state_ = State::kAnswer;
  eat_space_ = true;
}

void StreamDecoder::advance(TextPiece& piece, bool last) {
  if (!split_) return write_answer(piece, last);
  if (state_ == State::kStart && !leave_start(piece, last)) return;
  if (state_ == State::kThought && !write_thought(piece, last)) return;
  write_answer(piece, last);
}

// Whether it is known what comes first: a thought or text.
bool StreamDecoder::leave_start(TextPiece& piece, bool last) {
  const size_t visible = held_.find_first_not_of(kSpace);
  if (visible == kNone && !last) return false;
  if (visible != kNone && !tokenizer_->think_open()) {
    const std::string_view text = std::string_view(held_).substr(visible);
    if (text.starts_with(kOpen)) {
      const std::string rest(text.substr(kOpen.size()));
      open_thought();
      held_ = rest;
      return true;
    }
    if (kOpen.starts_with(text) && !last) return false;
  }
  state_ = State::kAnswer;
  return true;
}

// Whether the thought has ended. Writes what of it is certain.
bool StreamDecoder::write_thought(TextPiece& piece, bool last) {
  if (eat_space_) drop_leading(held_, kSpace);
  if (held_.empty()) return false;
  const bool by_text = !tokenizer_->think_close();
  if (by_text && eat_space_ &&
      !tokenizer_->think_open()) {  // the model writes the tag that the prompt has written already
    if (held_.starts_with(kOpen)) {
      held_.erase(0, kOpen.size());
      return write_thought(piece, last);
    }
    if (kOpen.starts_with(held_) && !last) return false;
  }
  eat_space_ = false;
  if (const size_t close = by_text ? held_.find(kClose) : kNone; close != kNone) {
    const std::string rest = held_.substr(close + kClose.size());
    held_.erase(close);
    close_thought(piece);
    held_ = rest;
    return true;
  }
  size_t certain = held_.size();
  if (!last) {
    if (by_text) certain -= partial_match(held_, kClose);
    certain =
        std::string_view(held_).substr(0, certain).find_last_not_of(kLineEnds) + 1;  // 0 if there are only line ends
  }
  piece.reasoning += held_.substr(0, certain);
  held_.erase(0, certain);
  return false;
}

void StreamDecoder::write_answer(TextPiece& piece, bool last) {
  if (eat_space_) drop_leading(held_, kSpace);
  if (held_.empty()) return;
  eat_space_ = false;
  size_t begin = kNone, end = kNone, uncertain = 0;
  for (const std::string& stop : stop_) {
    const size_t found = held_.find(stop);
    if (found != kNone &&
        (end == kNone || found + stop.size() < end || (found + stop.size() == end && found < begin))) {
      begin = found;
      end = found + stop.size();
    }
    if (!last) uncertain = std::max(uncertain, partial_match(held_, stop));
  }
  if (begin != kNone) {
    piece.text += held_.substr(0, begin);
    piece.stopped = stopped_ = true;
    held_.clear();
    return;
  }
  piece.text += held_.substr(0, held_.size() - uncertain);
  held_.erase(0, held_.size() - uncertain);
}

bool prompt_opens_thought(const Tokenizer& tokenizer, const std::vector<int32_t>& prompt) {
  const auto open = tokenizer.think_open(), close = tokenizer.think_close();
  auto begin = prompt.end();
  while (begin != prompt.begin()) {
    const int32_t id = *(begin - 1);
    if (open && id == *open) return true;
    if (close && id == *close) return false;
    if (tokenizer.is_control(id)) break;
    --begin;
  }
  if (open) return false;
  const std::string tail = tokenizer.decode({begin, prompt.end()});
  const size_t opened = tail.rfind(kOpen);
  return opened != std::string::npos && tail.find(kClose, opened) == std::string::npos;
}

}  // namespace r1
