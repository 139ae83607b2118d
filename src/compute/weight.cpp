#include "compute/weight.h"

#include <cstring>

#include "tensor/quant.h"

namespace r1 {

void decode_row(const Weight& weight, int64_t row, float* values) {
  decode(weight.dtype, weight.values.row(row), values, weight.cols);
  if (weight.dtype != DType::F8_E4M3 || weight.scales.empty()) return;
  const std::byte* scales = weight.scales.row(row / kF8ScaleBlock);
  for (int64_t c = 0; c < weight.cols; ++c) {
    float scale;  // copied, for a mapped file may have put it at any address
    std::memcpy(&scale, scales + c / kF8ScaleBlock * sizeof scale, sizeof scale);
    values[c] *= scale;
  }
}

}  // namespace r1
