// What encode and decode of blocks share: bytes at any address, packed scales, code tables (formats.md 5).
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "tensor/small_float.h"

namespace r1 {

inline constexpr std::array<int8_t, 16> kIq4Values = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                      1,    13,   25,  38,  53,  69,  89,  113};
inline constexpr std::array<int8_t, 16> kFp4Values = {0, 1,  2,  3,  4,  6,  8,  12,
                                                      0, -1, -2, -3, -4, -6, -8, -12};  // doubled

inline uint16_t load_u16(const uint8_t* at) { return static_cast<uint16_t>(at[0] | at[1] << 8); }
inline void store_u16(uint8_t* at, uint16_t value) {
  at[0] = static_cast<uint8_t>(value);
  at[1] = static_cast<uint8_t>(value >> 8);
}
inline float load_f16(const uint8_t* at) { return f16_to_f32(load_u16(at)); }
inline void store_f16(uint8_t* at, float value) { store_u16(at, f32_to_f16(value)); }

// Scale and minimum of sub-block j of Q4_K and Q5_K: eight pairs of six bits in twelve bytes.
struct ScaleMin {
  uint8_t scale, min;
};
inline ScaleMin load_scale_min(const uint8_t* q, int j) {
  if (j < 4) return {static_cast<uint8_t>(q[j] & 63), static_cast<uint8_t>(q[j + 4] & 63)};
  return {static_cast<uint8_t>((q[j + 4] & 15) | (q[j - 4] >> 6) << 4),
          static_cast<uint8_t>((q[j + 4] >> 4) | (q[j] >> 6) << 4)};
}
inline void store_scale_min(uint8_t* q, int j, ScaleMin pair) {  // in order of j, into zeroed bytes
  if (j < 4) {
    q[j] = pair.scale;
    q[j + 4] = pair.min;
  } else {
    q[j + 4] = static_cast<uint8_t>((pair.scale & 15) | (pair.min & 15) << 4);
    q[j - 4] = static_cast<uint8_t>(q[j - 4] | (pair.scale >> 4) << 6);
    q[j] = static_cast<uint8_t>(q[j] | (pair.min >> 4) << 6);
  }
}

}  // namespace r1
