// Rounding float32 to bfloat16: nearest, ties to even; NaN stays NaN. Included after a simd_<set>.h.
#pragma once

namespace r1 {
namespace {

// In the low half of each lane; the high half is zero.
R1_INLINE Ints to_bf16(Floats values) {
  const Ints x = as_ints(values), magnitude = x & splat_int(0x7fffffff);
  const Ints nan = shift_right(splat_int(0x7f800000) - magnitude, 31);  // 1 or 0
  const Ints half = (splat_int(0x7fff) + (shift_right(x, 16) & splat_int(1))) & (nan - splat_int(1));
  return shift_right((x | shift_left(nan, 22)) + half, 16);
}

R1_INLINE uint16_t to_bf16(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7fffffff) > 0x7f800000) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

}  // namespace
}  // namespace r1
