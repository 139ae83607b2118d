#include "cli/thinking.h"

#include <algorithm>

namespace r1 {
namespace {

bool blank(const Tokenizer& tokenizer, std::span<const int32_t> ids) {
  return tokenizer.decode(ids).find_first_not_of(" \t\r\n") == std::string::npos;
}

// Where the last `token` stands with nothing but white space behind it, or ids.size().
size_t trailing(const Tokenizer& tokenizer, const std::vector<int32_t>& ids, int32_t token) {
  const auto last = std::find(ids.rbegin(), ids.rend(), token);
  if (last == ids.rend()) return ids.size();
  const auto index = static_cast<size_t>(ids.rend() - last) - 1;
  return blank(tokenizer, std::span(ids).subspan(index + 1)) ? index : ids.size();
}

void append(std::vector<int32_t>& ids, const std::vector<int32_t>& more) {
  ids.insert(ids.end(), more.begin(), more.end());
}

// The whole of "<think>\n\n</think>\n\n" is encoded at once: models saw these ids, not those of its pieces.
void close_thought(const Tokenizer& tokenizer, std::vector<int32_t>& ids) {
  if (trailing(tokenizer, ids, *tokenizer.think_close()) < ids.size()) return;  // the template has done it
  ids.resize(trailing(tokenizer, ids, *tokenizer.think_open()));
  append(ids, tokenizer.encode("<think>\n\n</think>\n\n"));
}

void open_thought(const Tokenizer& tokenizer, std::vector<int32_t>& ids) {
  if (!prompt_opens_thought(tokenizer, ids)) append(ids, tokenizer.encode("<think>\n"));
}

}  // namespace

Thinking Thinking::from_text(const std::string& text) {
  if (text == "auto") return {};
  if (text == "on") return {Mode::On, -1};
  if (text == "off" || text == "0") return {Mode::Off, -1};
  const bool digits = !text.empty() && text.size() < 10 &&
                      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) fail(Exit::kUsage, "thinking is '{}', expected auto, on, off, or a number of tokens", text);
  return {Mode::On, std::stoll(text)};
}

std::string Thinking::text() const {
  if (mode == Mode::Off) return "off";
  if (budget >= 0) return fmt::format("at most {} tokens", budget);
  return mode == Mode::On ? "on" : "as the model's template has it";
}

void check_thinking(const Thinking& thinking, const LoadedModel& model) {
  const Tokenizer& tokenizer = model.tokenizer();
  if (thinking.mode != Thinking::Mode::On || (tokenizer.think_open() && tokenizer.think_close())) return;
  fail(Exit::kUsage, "{}: this model has no think tokens, thinking cannot be switched on", model.source().path());
}

std::vector<int32_t> encode_conversation(const LoadedModel& model, std::vector<Message> messages,
                                         const Thinking& thinking) {
  TemplateInput input;
  input.messages = std::move(messages);
  input.bos_token = model.tokenizer().bos_text();
  input.eos_token = model.tokenizer().eos_text();
  if (thinking.mode == Thinking::Mode::Model) return model.encode_chat(input);

  check_thinking(thinking, model);
  const Tokenizer& tokenizer = model.tokenizer();
  const bool on = thinking.mode == Thinking::Mode::On;
  input.variables = {{"enable_thinking", on}, {"thinking", on}};  // for templates that have a switch of their own
  std::vector<int32_t> ids = model.encode_chat(input);
  if (on) {
    open_thought(tokenizer, ids);
  } else if (tokenizer.think_open() && tokenizer.think_close()) {  // else there is no thought to close
    close_thought(tokenizer, ids);
  }
  return ids;
}

std::vector<int32_t> end_of_thought(const Tokenizer& tokenizer) { return tokenizer.encode("\n</think>\n\n"); }

}  // namespace r1
