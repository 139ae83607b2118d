// Weight: a matrix as it is stored and as a backend keeps it.
#pragma once

#include <cstdint>
#include <memory>

#include "tensor/tensor.h"

namespace r1 {

// Rows and columns that share one scale of an F8_E4M3 matrix (model.md 7).
inline constexpr int64_t kF8ScaleBlock = 128;
constexpr int64_t scale_blocks(int64_t count) { return (count + kF8ScaleBlock - 1) / kF8ScaleBlock; }

// A matrix of weights [rows, cols] = [out, in], as stored and as the backend keeps it. Copies share the packed form.
struct Weight {
  DType dtype = DType::F32;
  int64_t rows = 0, cols = 0;
  Tensor values;                       // row-major, as in the file; empty once a backend has packed it
  Tensor scales;                       // F8_E4M3 only: F32 [scale_blocks(rows), scale_blocks(cols)]
  std::shared_ptr<const void> packed;  // the backend's own layout, or null

  bool empty() const { return rows == 0; }
};

// Row `row` of a stored matrix as `cols` floats: F8_E4M3 codes times their scale in float32 (model.md 7), everything
// else as tensor/quant decodes it. The matrix must still have its `values`, which may lie at any address.
void decode_row(const Weight& weight, int64_t row, float* values);

}  // namespace r1
