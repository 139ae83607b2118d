// tokenizer.json from anywhere: it is refused by an Error or it encodes, decodes and converts without a fault.
#include <string_view>

#include "base/error.h"
#include "base/log.h"
#include "text/tokenizer.h"

namespace {

constexpr std::string_view kText = "It's 12345 <s>\u00e9e\u0301 \u4f60\u597d\r\n\t  <think>x</think>";

void exercise(const r1::Tokenizer& tokenizer) {
  const auto ids = tokenizer.encode(kText, {.add_special = true});
  tokenizer.decode(ids, true);
  const r1::PromptSpan spans[] = {{"<think>", true}, {std::string(kText), false}, {"</think>", true}};
  tokenizer.encode(spans);
  const std::string json = tokenizer.to_tokenizer_json().dump();
  const auto copy = r1::Tokenizer::from_json(json, r1::Json(), "copy");
  if (copy.encode(kText) != tokenizer.encode(kText)) __builtin_trap();
  if (!tokenizer.family().empty()) tokenizer.to_gguf(tokenizer.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool quiet = (r1::set_log_level(-1), true);
  (void)quiet;
  try {
    exercise(r1::Tokenizer::from_json({reinterpret_cast<const char*>(data), size}, r1::Json(), "fuzz"));
  } catch (const r1::Error&) {
  }
  return 0;
}
