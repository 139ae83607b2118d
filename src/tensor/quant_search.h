// The searches for a block's scale (and minimum) that the encoders of blocks run: formats.md 6.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

namespace r1 {

inline float nearest(float value) { return std::nearbyintf(value); }  // ties to even

// An integer code from a float that may be anything: a NaN becomes `low`.
inline int clamp_code(float value, int low, int high) {
  if (!(value > static_cast<float>(low))) return low;
  return value < static_cast<float>(high) ? static_cast<int>(value) : high;
}

// The element of largest magnitude, the first on ties, with its sign.
float peak_of(std::span<const float> x);

// Scale s such that x is about s·code with codes in [-limit, limit): tries 19 scales, keeps the least squared error
// weighted by x². Writes code + limit.
float search_symmetric(std::span<const float> x, int limit, uint8_t* codes);

// The same aim by walking single codes instead (Q3_K).
float refine_symmetric(std::span<const float> x, int limit);

struct ScaleAndMin {
  float scale = 0, min = 0;  // x is about scale·code - min, min >= 0
};
struct AsymmetricSearch {
  int limit;          // codes are 0 … limit
  float first, step;  // tried widths: limit + first + step·k, k = 0 … steps
  int steps;
  bool absolute;  // weighs |error| instead of its square
};
ScaleAndMin search_asymmetric(std::span<const float> x, std::span<const float> weights, const AsymmetricSearch& how,
                              uint8_t* codes);

// Index of the entry of kIq4Values nearest to x; between two equally near ones the upper.
int nearest_iq4(float x);

// Scale of 32 numbers for codes of kIq4Values.
float search_iq4(std::span<const float> x);

}  // namespace r1
