// libFuzzer: any bytes as a safetensors file; every tensor's bytes are read, and every view of known type decoded.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "formats/safetensors.h"
#include "tensor/quant.h"

namespace {

// The views, row by row as a conversion walks them.
void decode_values(const r1::Safetensors& weights) {
  for (const auto& [name, tensor] : weights.tensors()) {
    try {
      const r1::Tensor values = weights.values(name);
      if (values.elements() == 0) continue;
      std::vector<float> row(static_cast<size_t>(values.cols()));
      for (int64_t r = 0; r < values.rows(); ++r) {
        r1::decode(values.dtype(), values.row(r), row.data(), values.cols());
      }
    } catch (const r1::Error&) {  // a type or a rank that Tensor has not
    }
  }
}

}  // namespace

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
    return 0;
  }
  const int descriptor = ::memfd_create("fuzz", 0);
  if (::write(descriptor, data, size) == static_cast<ssize_t>(size)) {
    decode_values(r1::Safetensors("/proc/self/fd/" + std::to_string(descriptor)));
  }
  ::close(descriptor);
  return 0;
}
