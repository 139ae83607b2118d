// libFuzzer: any bytes as a safetensors file; every tensor's bytes are read.
#include <cstddef>
#include <cstdint>
#include <string>

#include "formats/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const std::string file = "fuzz.safetensors";
    const r1::SafetensorsHeader header({reinterpret_cast<const std::byte*>(data), size}, file);
    unsigned sum = 0;
    for (const auto& [name, tensor] : header.tensors) {
      for (const std::byte byte : tensor.bytes) sum += static_cast<unsigned>(byte);
    }
    [[maybe_unused]] volatile unsigned sink = sum;
  } catch (const r1::Error&) {
  }
  return 0;
}
