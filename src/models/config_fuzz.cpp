// Any bytes as a config.json: a config whose plan can be made, or an Error; nothing else.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/json.h"
#include "models/config.h"
#include "models/rotary.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const r1::ModelConfig config = r1::read_model_config(r1::parse_json(text, "config.json"), "config.json");
    if (config.parameters() < config.active_parameters() && config.router.experts == 0) __builtin_trap();
    if (config.rope.scaling != r1::RopeConfig::Scaling::Divisors) r1::Rotary rotary(config.rope);
  } catch (const r1::Error&) {
  }
  return 0;
}
