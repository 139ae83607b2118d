// exp on 16 lanes, for the row and attention kernels (cpu-performance.md 4.4). Included after a simd_<set>.h.
#pragma once

namespace r1 {
namespace {

// exp(x) = 2^n p(r) with n = round(x / ln 2), |r| <= ln 2 / 2, and p the polynomial of degree 5 with p(0) = 1 of least
// relative error (9.2e-8). Below -104 the result is 0, above 89 infinity; exp(0) is 1 exactly; NaN stays NaN.
R1_INLINE Floats exp(Floats x) {
  x = min(splat(110.0f), max(splat(-110.0f), x));  // in this order of arguments NaN survives
  const Floats n = round(x * splat(1.44269504f));
  Floats r = fma(n, splat(-0.693359375f), x);  // ln 2 in two parts: n times the first is exact
  r = fma(n, splat(2.1219444e-4f), r);
  Floats p = splat(8.290267549455166e-3f);
  p = fma(p, r, splat(4.189816117286682e-2f));
  p = fma(p, r, splat(1.666763871908188e-1f));
  p = fma(p, r, splat(4.999914765357971e-1f));
  p = fma(p, r, splat(9.999997019767761e-1f));
  p = fma(p, r, splat(1.0f));
  return scale2(p, n);
}

}  // namespace
}  // namespace r1
