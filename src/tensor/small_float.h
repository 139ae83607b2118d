// The floats of one and two bytes: IEEE half, bfloat16, and the E4M3 of FP8 weights (model.md 7).
// Every conversion to float32 is exact; every conversion from it rounds once, to nearest even.
#pragma once

#include <cstdint>

namespace r1 {

float f16_to_f32(uint16_t bits);
uint16_t f32_to_f16(float value);  // overflow gives infinity; NaN stays a (quiet) NaN
float bf16_to_f32(uint16_t bits);
uint16_t f32_to_bf16(float value);  // NaN stays a (quiet) NaN
float e4m3_to_f32(uint8_t code);    // no infinities; 0x7F and 0xFF are NaN
uint8_t f32_to_e4m3(float value);   // saturates at 448; NaN gives NaN

}  // namespace r1
