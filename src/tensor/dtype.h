// The element types of tensors: plain numbers, and blocks that hold several quantised numbers and their scales.
// Block layouts are those of GGUF files (spec: formats.md 5); F8_E4M3 has its scales in a tensor of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace r1 {

enum class DType : uint8_t {
  F32,
  F16,
  BF16,
  F8_E4M3,
  Q8_0,
  Q4_0,
  Q4_1,
  Q5_0,
  Q5_1,
  Q2_K,
  Q3_K,
  Q4_K,
  Q5_K,
  Q6_K,
  IQ4_NL,
  IQ4_XS,
  MXFP4,
  I32,
};
inline constexpr int kDTypes = static_cast<int>(DType::I32) + 1;

std::string_view name(DType dtype);                       // "f32", "q4_k", "f8_e4m3"
std::optional<DType> dtype_named(std::string_view name);  // any case
int block_elements(DType dtype);                          // numbers per block: 1, 32 or 256
int block_bytes(DType dtype);
bool is_quantised(DType dtype);  // blocks of more than one number, or F8_E4M3

// Bytes of a row of `columns` numbers; columns must be a multiple of block_elements.
inline int64_t row_bytes(DType dtype, int64_t columns) { return columns / block_elements(dtype) * block_bytes(dtype); }

}  // namespace r1
