// Row operations on 16 lanes. Included by each isa_<set>.cpp after its simd_<set>.h.
// Where numbers do not meet (add, rotations) the loops are plain: the compiler may use any width, the bits are the
// same.
#include "compute/cpu/exp.inc.h"

namespace r1 {
namespace {

float sum_of_squares(const float* x, int64_t count) {
  Floats sums[4] = {splat(0), splat(0), splat(0), splat(0)};
  int64_t i = 0;
  for (; i + 64 <= count; i += 64) {
    R1_UNROLL
    for (int k = 0; k < 4; ++k) {
      const Floats a = load(x + i + 16 * k);
      sums[k] = fma(a, a, sums[k]);
    }
  }
  for (; i < count; i += 16) {
    const Floats a = load(x + i, static_cast<int>(count - i < 16 ? count - i : 16));
    sums[0] = fma(a, a, sums[0]);
  }
  return sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

void rms_norm(float* y, const float* x, const float* gain, int64_t count, float eps) {
  const float scale = 1.0f / __builtin_sqrtf(sum_of_squares(x, count) / static_cast<float>(count) + eps);
  for (int64_t i = 0; i < count; ++i) y[i] = x[i] * scale * gain[i];
}

void add(float* y, const float* a, const float* b, int64_t count) {
  for (int64_t i = 0; i < count; ++i) y[i] = a[i] + b[i];
}

R1_INLINE Floats silu_mul(Floats z, Floats up) { return z / (splat(1) + exp(splat(0) - z)) * up; }

void silu_mul(float* y, const float* gate, const float* up, int64_t count) {
  int64_t i = 0;
  for (; i + 16 <= count; i += 16) store(y + i, silu_mul(load(gate + i), load(up + i)));
  const int rest = static_cast<int>(count - i);
  if (rest > 0) store(y + i, silu_mul(load(gate + i, rest), load(up + i, rest)), rest);
}

void rotate_halves(float* x, const float* cos_sin, int half) {
  for (int i = 0; i < half; ++i) {
    const float a = x[i], b = x[i + half], c = cos_sin[i], s = cos_sin[i + half];
    x[i] = a * c - b * s;
    x[i + half] = a * s + b * c;
  }
}

void rotate_pairs(float* x, const float* cos_sin, int half) {
  for (int i = 0; i < half; ++i) {
    const float a = x[2 * i], b = x[2 * i + 1], c = cos_sin[i], s = cos_sin[i + half];
    x[2 * i] = a * c - b * s;
    x[2 * i + 1] = a * s + b * c;
  }
}

void add_weighted(float* y, const float* const* x, const float* weights, int terms, int64_t count) {
  for (int64_t i = 0; i < count; i += 16) {
    const int rest = static_cast<int>(count - i < 16 ? count - i : 16);
    Floats total = splat(0);
    for (int k = 0; k < terms; ++k) total = fma(splat(weights[k]), load(x[k] + i, rest), total);
    store(y + i, load(y + i, rest) + total, rest);
  }
}

constexpr RowKernels kRowKernels = {rms_norm, add, silu_mul, rotate_halves, rotate_pairs, add_weighted};

}  // namespace
}  // namespace r1
