// Scalar encode and decode of every block format: the specification of each (formats.md 5 and 6), and the judge of the fast kernels.
// All arithmetic is float32 in index order without contraction; decoding is exact or rounded once.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace r1 {

float f16_to_f32(uint16_t bits);
uint16_t f32_to_f16(float value);   // round to nearest even, overflow to infinity
float bf16_to_f32(uint16_t bits);
uint16_t f32_to_bf16(float value);  // round to nearest even, NaN stays quiet
float e4m3_to_f32(uint8_t code);    // model.md 7
uint8_t f32_to_e4m3(float value);   // round to nearest even, saturates at 448

// Decodes `count` numbers (whole blocks) from `blocks`. F8_E4M3 decodes codes without their scales.
void decode(DType dtype, const void* blocks, float* values, int64_t count);

// Encodes `count` numbers (whole blocks). Every dtype but I32; F8_E4M3 encodes codes without scales.
void encode(DType dtype, const float* values, void* blocks, int64_t count);

}  // namespace r1
