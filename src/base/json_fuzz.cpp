// Any bytes: a value or an Error, and what was accepted survives a round trip through the writer.
#include <cstdint>
#include <cstdlib>

#include "base/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const r1::Json value = r1::parse_json(text, "fuzz");
    if (r1::parse_json(value.dump(), "fuzz again") != value) std::abort();
    const r1::OrderedJson ordered = r1::parse_ordered_json(text, "fuzz");
    if (r1::parse_json(ordered.dump(), "fuzz ordered") != value) std::abort();
  } catch (const r1::Error&) {
  }
  return 0;
}
