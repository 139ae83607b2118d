// The 16-lane registers that every kernel is written on, in plain GNU vectors: what the names mean, and a set for any
// machine. simd_avx2.h and simd_avx512.h are the same names in instructions. A kernel source includes one of them,
// intrinsics and plain types, nothing else: an inline function of the standard library compiled here for a newer
// machine could become everybody's copy.
#pragma once

#include <stdint.h>
#include <string.h>

#ifndef R1_PLAIN_LOOPS
#define R1_PLAIN_LOOPS  // too few registers for anything else
#endif
#include "compute/cpu/simd_macros.h"

namespace r1 {
namespace {

typedef float Floats __attribute__((vector_size(64)));    // + - * / work lane by lane
typedef int32_t Ints __attribute__((vector_size(64)));    // + - & | ^ too; also 64 bytes, four in a lane
typedef uint32_t Words __attribute__((vector_size(64)));  // for logical shifts

// Tiles of weights by tokens that the matrix kernels keep in registers.
constexpr int kRegisterTiles = 1, kRegisterTokens = 2;
// Whether dot4 takes its first side as signed bytes (else as unsigned ones, and weights come with 128 added).
constexpr bool kSignedDot = true;

R1_INLINE Floats load(const float* p) {
  Floats a;
  memcpy(&a, p, sizeof a);
  return a;
}
R1_INLINE Floats load(const float* p, int count) {  // the first `count` lanes, zeros behind; at most 16 are read
  Floats a = {};
  memcpy(&a, p, sizeof(float) * static_cast<size_t>(count < 0 ? 0 : count < 16 ? count : 16));
  return a;
}
R1_INLINE void store(float* p, Floats a) { memcpy(p, &a, sizeof a); }
R1_INLINE void store(float* p, Floats a, int count) {
  memcpy(p, &a, sizeof(float) * static_cast<size_t>(count < 0 ? 0 : count < 16 ? count : 16));
}
R1_INLINE Floats splat(float a) { return Floats{} + a; }
// a * b + c: rounded once where the set has the instruction, twice here.
R1_INLINE Floats fma(Floats a, Floats b, Floats c) { return a * b + c; }
R1_INLINE Floats min(Floats a, Floats b) { return a < b ? a : b; }
R1_INLINE Floats max(Floats a, Floats b) { return a > b ? a : b; }
R1_INLINE Floats abs(Floats a) { return (Floats)((Ints)a & 0x7fffffff); }
// To the nearest integer, ties to even. |a| < 2^22.
R1_INLINE Floats round(Floats a) {
  const Floats big = splat(12582912.0f);  // 1.5 * 2^23: the sum has no bits for a fraction
  return (a + big) - big;
}
R1_INLINE Ints to_ints(Floats a) {  // to nearest, ties to even; |a| < 2^22
  const Floats big = splat(12582912.0f);
  return (Ints)(a + big) - (Ints)big;
}
R1_INLINE Floats to_floats(Ints a) { return __builtin_convertvector(a, Floats); }
// a * 2^n, n whole; right down to the subnormal range, 0 below.
R1_INLINE Floats scale2(Floats a, Floats n) {
  n = min(max(n, splat(-252)), splat(252));
  const Ints whole = to_ints(n), half = whole >> 1, rest = whole - half;
  return a * (Floats)((half + 127) << 23) * (Floats)((rest + 127) << 23);
}
R1_INLINE Floats select_less(Floats a, Floats b, Floats yes, Floats no) { return a < b ? yes : no; }
// Lanes are added in one order in every set: 16 -> 8 -> 4 -> 2 -> 1, lower half plus upper half.
R1_INLINE float sum(Floats a) {
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) a[i] += a[i + half];
  }
  return a[0];
}
R1_INLINE float largest(Floats a) {
  float best = a[0];
  for (int i = 1; i < 16; ++i) best = a[i] > best ? a[i] : best;
  return best;
}

R1_INLINE Ints load_ints(const void* p) {
  Ints a;
  memcpy(&a, p, sizeof a);
  return a;
}
R1_INLINE void store_ints(void* p, Ints a) { memcpy(p, &a, sizeof a); }
R1_INLINE Ints splat_int(int32_t a) { return Ints{} + a; }
R1_INLINE Ints shift_left(Ints a, int n) { return (Ints)((Words)a << static_cast<uint32_t>(n)); }
R1_INLINE Ints shift_right(Ints a, int n) { return (Ints)((Words)a >> static_cast<uint32_t>(n)); }  // zeros come in
R1_INLINE Ints equal(Ints a, Ints b) { return a == b; }                                             // all ones or zeros
R1_INLINE Floats as_floats(Ints a) { return (Floats)a; }                                            // the same bits
R1_INLINE Ints as_ints(Floats a) { return (Ints)a; }
R1_INLINE int32_t sum(Ints a) {
  int32_t total = 0;
  for (int i = 0; i < 16; ++i) total += a[i];
  return total;
}

R1_INLINE Ints load_u16(const void* p) {
  uint16_t u[16];
  memcpy(u, p, sizeof u);
  Ints a;
  for (int i = 0; i < 16; ++i) a[i] = u[i];
  return a;
}
R1_INLINE Ints load_u8(const void* p) {
  uint8_t u[16];
  memcpy(u, p, sizeof u);
  Ints a;
  for (int i = 0; i < 16; ++i) a[i] = u[i];
  return a;
}
R1_INLINE void store_low_u16(void* p, Ints a) {  // the low 16 bits of each lane
  uint16_t u[16];
  for (int i = 0; i < 16; ++i) u[i] = static_cast<uint16_t>(a[i]);
  memcpy(p, u, sizeof u);
}
R1_INLINE void store_low_u8(void* p, Ints a) {
  uint8_t u[16];
  for (int i = 0; i < 16; ++i) u[i] = static_cast<uint8_t>(a[i]);
  memcpy(p, u, sizeof u);
}
// 16 half floats. Sign, exponent and fraction moved into place give the value times 2^-112; infinities and NaN are put
// right.
R1_INLINE Floats load_f16(const void* p) {
  const Ints h = load_u16(p), magnitude = (h & 0x7fff) << 13;
  const Floats value = (Floats)magnitude * splat(0x1p112f);
  const Ints special = magnitude >= 0x0f800000;
  const Ints bits = (special & (magnitude | 0x7f800000)) | (~special & (Ints)value);
  return (Floats)(bits | (h & 0x8000) << 16);
}

// sums + four products of bytes per lane: weights (see kSignedDot) by signed quants in -127 ... 127.
R1_INLINE Ints dot4(Ints sums, Ints weights, Ints quants) {
  for (int shift = 0; shift < 32; shift += 8) sums += (weights << (24 - shift) >> 24) * (quants << (24 - shift) >> 24);
  return sums;
}
// The same for weights in 0 ... 127.
R1_INLINE Ints dot4_small(Ints sums, Ints weights, Ints quants) { return dot4(sums, weights, quants); }
// table[code] for each of 64 codes in 0 ... 15.
R1_INLINE Ints look_up(const int8_t* table, Ints codes) {
  uint8_t bytes[64];
  memcpy(bytes, &codes, sizeof bytes);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(table[byte & 15]);
  return load_ints(bytes);
}
// Where R1_BF16_LAYER is defined there are two more:
//   Floats dot2_bf16(Floats sums, Ints a, Ints b)   sums + two products of bfloat16 per lane
//   Ints e4m3_to_bf16(Ints codes)                   32 FP8 codes, one in each half of a lane, as bfloat16 (exact)

}  // namespace
}  // namespace r1
