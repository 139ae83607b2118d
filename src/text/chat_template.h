// ChatTemplate: renders a model's own Jinja template, the subset that templates use (tokenizer.md 5). An unknown
// construct is an Error that names it, its line, and the built-in template that could be asked for instead. Nothing
// outside is reachable from a template, and however hostile it is, parsing and rendering end within limits of time,
// memory and depth (text/jinja_fault.h).
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/message.h"
#include "text/tokenizer.h"

namespace r1 {

struct TemplateInput {
  std::vector<Message> messages;
  OrderedJson tools;  // null if none
  bool add_generation_prompt = true;
  std::string bos_token, eos_token;
  OrderedJson variables;  // further variables (chat_template_kwargs): an object or null
};

// Immutable after construction; render may be called from any thread.
class ChatTemplate {
 public:
  // Parses; throws Error(kBadModel). `what` names the template in errors ("tokenizer_config.json: chat_template").
  ChatTemplate(std::string_view source, std::string what);
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  // The rendered text cut into what the template wrote itself (and bos_token, eos_token) and what came out of messages,
  // tools and variables, so that the tokenizer can keep user text from becoming control tokens. raise_exception() in
  // the template becomes an Error.
  std::vector<PromptSpan> render(const TemplateInput& input) const;
  // As above with every variable given as JSON (messages included). Joined text only.
  std::string render_text(const OrderedJson& variables) const;

  // Built-in templates by name ("deepseek-v3", "deepseek-r1", "deepseek-r1-distill", "deepseek-r1-0528", "chatml",
  // "llama3", …);
  // "" if unknown. A template that can be asked for, never a silent fall-back.
  static std::string_view built_in(std::string_view name);
  static std::vector<std::string> built_in_names();

 private:
  struct Program;
  std::unique_ptr<const Program> program_;
  std::string what_;
};

// The built-in template that fits the special tokens of a vocabulary, or that a template's text mentions; "" if none
// does.
std::string_view suggest_built_in(const Tokenizer& tokenizer);
std::string_view suggest_built_in(std::string_view template_source);

}  // namespace r1
