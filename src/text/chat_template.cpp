#include "text/chat_template.h"

#include <functional>

#include "text/jinja_input.h"
#include "text/jinja_interpreter.h"
#include "text/jinja_parser.h"

namespace r1 {

struct ChatTemplate::Program {
  jinja::Block block;
  std::string suggestion;  // what else could be asked for
};

namespace {

std::string suggestion_for(std::string_view source) {
  if (const std::string_view name = suggest_built_in(source); !name.empty()) {
    return fmt::format("the built-in template '{}' may be asked for instead", name);
  }
  return fmt::format("a built-in template may be asked for instead: {}",
                     fmt::join(ChatTemplate::built_in_names(), ", "));
}

[[noreturn]] void report(const jinja::Fault& fault, const std::string& what, const std::string& suggestion, Exit exit) {
  const std::string place = fault.line > 0 ? fmt::format("{}, line {}", what, fault.line) : what;
  switch (fault.kind) {
    case jinja::Fault::kUnsupported:
      fail(Exit::kBadModel, "{}: {} is not supported in chat templates; {}", place, fault.what(), suggestion);
    case jinja::Fault::kRaised:
      fail(Exit::kFailure, "{}: the template refuses: {}", place, fault.what());
    case jinja::Fault::kMistake:
      break;
  }
  fail(exit, "{}: {}", place, fault.what());
}

std::vector<PromptSpan> spans_of(const jinja::Text& text) {
  std::vector<PromptSpan> spans;
  size_t begin = 0;
  for (const auto& range : text.ranges()) {
    spans.push_back({std::string(text.view().substr(begin, range.end - begin)), range.literal});
    begin = range.end;
  }
  return spans;
}

}  // namespace

ChatTemplate::ChatTemplate(std::string_view source, std::string what) : what_(std::move(what)) {
  auto program = std::make_unique<Program>();
  program->suggestion = suggestion_for(source);
  try {
    program->block = jinja::parse(source);
  } catch (const jinja::Fault& fault) {
    report(fault, what_, program->suggestion, Exit::kBadModel);
  }
  program_ = std::move(program);
}

ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

std::vector<PromptSpan> ChatTemplate::render(const TemplateInput& input) const {
  try {
    jinja::Heap heap;
    jinja::Dict& variables = *heap.dict();
    const auto set = [&](std::string_view name, const OrderedJson& value, bool literal = false) {
      variables.set(heap, heap.string(name, true), jinja::from_json(heap, value, literal));
    };
    set("documents", nullptr);
    set("bos_token", input.bos_token, true);
    set("eos_token", input.eos_token, true);
    if (input.variables.is_object()) {
      for (const auto& [name, value] : input.variables.items()) set(name, value);
    }
    OrderedJson messages = OrderedJson::array();
    for (const Message& message : input.messages) messages.push_back(message.to_json());
    set("messages", messages);
    set("tools", input.tools);
    set("add_generation_prompt", input.add_generation_prompt);
    return spans_of(jinja::interpret(heap, program_->block, variables));
  } catch (const jinja::Fault& fault) {
    report(fault, what_, program_->suggestion, Exit::kFailure);
  }
}

std::string ChatTemplate::render_text(const OrderedJson& variables) const {
  try {
    jinja::Heap heap;
    const jinja::Value values = jinja::from_json(heap, variables);
    if (values.dict() == nullptr) jinja::mistake("the variables are not a JSON object");
    return std::string(jinja::interpret(heap, program_->block, *values.dict()).view());
  } catch (const jinja::Fault& fault) {
    report(fault, what_, program_->suggestion, Exit::kFailure);
  }
}

namespace {

// `has` tells whether a token is in the vocabulary, or its text in a template.
std::string_view suggest(const std::function<bool(std::string_view)>& has, std::string_view family) {
  if (has("<｜User｜>") || has("<｜Assistant｜>")) {
    if (!has("<think>") && !has("</think>")) return "deepseek-v3";
    if (has("<tool_response>")) return "deepseek-r1-0528";  // in Qwen3's vocabulary, not in the distills'
    return family.empty() || family == "deepseek-v3" ? "deepseek-r1" : "deepseek-r1-distill";
  }
  if (has("<|im_start|>")) {
    if (has("<think>")) return "qwen3";
    return family == "qwen2" ? "qwen2.5" : family == "smollm" ? "smollm2" : "chatml";
  }
  return has("<|start_header_id|>") ? "llama3" : "";
}

}  // namespace

std::string_view suggest_built_in(const Tokenizer& tokenizer) {
  return suggest([&](std::string_view token) { return tokenizer.id_of(token).has_value(); }, tokenizer.family());
}

std::string_view suggest_built_in(std::string_view template_source) {
  return suggest([&](std::string_view token) { return template_source.find(token) != std::string_view::npos; }, "");
}

}  // namespace r1
