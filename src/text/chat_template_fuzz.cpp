// The template text is the input; it is rendered with two fixed messages. Errors are fine, anything else is a finding.
#include <cstddef>
#include <cstdint>
#include <string>

#include "text/chat_template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const r1::TemplateInput input = [] {
    r1::TemplateInput made;
    made.messages.resize(2);
    made.messages[0].role = "system";
    made.messages[0].content = "Be brief, 世界 \xF0\x9F\x98\x80.";
    made.messages[1].role = "user";
    made.messages[1].content = "  <think>a</think>\n\nb ";
    made.messages[1].extra = {{"tool_calls", {{{"function", {{"name", "f"}, {"arguments", {{"x", 1.5}}}}}}}}};
    made.tools = {{{"type", "function"}, {"function", {{"name", "f"}}}}};
    made.bos_token = "<bos>";
    return made;
  }();
  try {
    const r1::ChatTemplate chat(std::string_view(reinterpret_cast<const char*>(data), size), "fuzz");
    chat.render(input);
  } catch (const r1::Error&) {
  }
  return 0;
}
