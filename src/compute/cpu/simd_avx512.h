// The 16-lane registers of the kernels, on AVX-512 (F, BW, VL, DQ, VNNI; BF16 where the file is compiled with it).
// simd_generic.h says what each function means; kernel sources are written against these names only.
#pragma once

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "compute/cpu/simd_macros.h"

#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 takes the "undefined" operands inside its own intrinsics for mistakes of ours.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

namespace r1 {
namespace {

typedef float Floats __attribute__((vector_size(64)));
typedef int32_t Ints __attribute__((vector_size(64)));

// How the matrix kernels use the 32 registers: tiles of weights by tokens held in accumulators.
constexpr int kRegisterTiles = 2, kRegisterTokens = 6;
// dot4 takes weights as unsigned bytes up to 255.
constexpr bool kSignedDot = false;

R1_INLINE __mmask16 lanes(int count) { return static_cast<__mmask16>(count >= 16 ? 0xffff : (1 << count) - 1); }

R1_INLINE Floats load(const float* p) { return _mm512_loadu_ps(p); }
R1_INLINE Floats load(const float* p, int count) { return _mm512_maskz_loadu_ps(lanes(count), p); }
R1_INLINE void store(float* p, Floats a) { _mm512_storeu_ps(p, a); }
R1_INLINE void store(float* p, Floats a, int count) { _mm512_mask_storeu_ps(p, lanes(count), a); }
R1_INLINE Floats splat(float a) { return _mm512_set1_ps(a); }
R1_INLINE Floats fma(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
R1_INLINE Floats min(Floats a, Floats b) { return _mm512_min_ps(a, b); }
R1_INLINE Floats max(Floats a, Floats b) { return _mm512_max_ps(a, b); }
R1_INLINE Floats abs(Floats a) { return _mm512_abs_ps(a); }
R1_INLINE Floats round(Floats a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
R1_INLINE Floats scale2(Floats a, Floats n) { return _mm512_scalef_ps(a, n); }
R1_INLINE Floats select_less(Floats a, Floats b, Floats yes, Floats no) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
}
R1_INLINE float sum(Floats a) {
  const __m256 b = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
  const __m128 c = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
  const __m128 d = _mm_add_ps(c, _mm_movehl_ps(c, c));
  return _mm_cvtss_f32(_mm_add_ss(d, _mm_shuffle_ps(d, d, 1)));
}
R1_INLINE float largest(Floats a) {
  const __m256 b = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
  const __m128 c = _mm_max_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
  const __m128 d = _mm_max_ps(c, _mm_movehl_ps(c, c));
  return _mm_cvtss_f32(_mm_max_ss(d, _mm_shuffle_ps(d, d, 1)));
}

R1_INLINE Ints load_ints(const void* p) { return (Ints)_mm512_loadu_si512(p); }
R1_INLINE void store_ints(void* p, Ints a) { _mm512_storeu_si512(p, (__m512i)a); }
R1_INLINE Ints splat_int(int32_t a) { return (Ints)_mm512_set1_epi32(a); }
R1_INLINE Ints shift_left(Ints a, int n) { return (Ints)_mm512_slli_epi32((__m512i)a, static_cast<unsigned>(n)); }
R1_INLINE Ints shift_right(Ints a, int n) { return (Ints)_mm512_srli_epi32((__m512i)a, static_cast<unsigned>(n)); }
R1_INLINE Ints equal(Ints a, Ints b) {
  return (Ints)_mm512_movm_epi32(_mm512_cmpeq_epi32_mask((__m512i)a, (__m512i)b));
}
R1_INLINE Floats to_floats(Ints a) { return _mm512_cvtepi32_ps((__m512i)a); }
R1_INLINE Ints to_ints(Floats a) { return (Ints)_mm512_cvtps_epi32(a); }
R1_INLINE Floats as_floats(Ints a) { return (Floats)a; }
R1_INLINE Ints as_ints(Floats a) { return (Ints)a; }
R1_INLINE int32_t sum(Ints a) { return _mm512_reduce_add_epi32((__m512i)a); }

R1_INLINE Floats load_f16(const void* p) { return _mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(p))); }
R1_INLINE Ints load_u16(const void* p) {
  return (Ints)_mm512_cvtepu16_epi32(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
}
R1_INLINE Ints load_u8(const void* p) {
  return (Ints)_mm512_cvtepu8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p)));
}
R1_INLINE void store_low_u16(void* p, Ints a) {
  _mm256_storeu_si256(static_cast<__m256i*>(p), _mm512_cvtepi32_epi16((__m512i)a));
}
R1_INLINE void store_low_u8(void* p, Ints a) {
  _mm_storeu_si128(static_cast<__m128i*>(p), _mm512_cvtepi32_epi8((__m512i)a));
}

R1_INLINE Ints dot4(Ints sums, Ints weights, Ints quants) {
  return (Ints)_mm512_dpbusd_epi32((__m512i)sums, (__m512i)weights, (__m512i)quants);
}
R1_INLINE Ints dot4_small(Ints sums, Ints weights, Ints quants) { return dot4(sums, weights, quants); }
R1_INLINE Ints look_up(const int8_t* table, Ints codes) {
  const __m128i t = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
  return (Ints)_mm512_shuffle_epi8(_mm512_broadcast_i32x4(t), (__m512i)codes);
}
#ifdef R1_BF16_LAYER
R1_INLINE Floats dot2_bf16(Floats sums, Ints a, Ints b) {
  return _mm512_dpbf16_ps(sums, (__m512bh)(__m512i)a, (__m512bh)(__m512i)b);
}
R1_INLINE Ints e4m3_to_bf16(Ints codes) {
  // Normal codes: exponent and fraction move up and the exponent is raised by 120; the eight subnormal ones come from a
  // table.
  alignas(64) static const uint16_t kSubnormal[32] = {0, 0x3b00, 0x3b80, 0x3bc0, 0x3c00, 0x3c20, 0x3c40, 0x3c60};
  const __m512i x = (__m512i)codes, magnitude = _mm512_and_si512(x, _mm512_set1_epi16(0x7f));
  __m512i y = _mm512_add_epi16(_mm512_slli_epi16(magnitude, 4), _mm512_set1_epi16(0x3c00));
  y = _mm512_mask_permutexvar_epi16(y, _mm512_cmplt_epu16_mask(magnitude, _mm512_set1_epi16(8)), magnitude,
                                    _mm512_load_si512(kSubnormal));
  y = _mm512_mask_blend_epi16(_mm512_cmpeq_epu16_mask(magnitude, _mm512_set1_epi16(0x7f)), y,
                              _mm512_set1_epi16(0x7fc0));
  return (Ints)_mm512_or_si512(y, _mm512_slli_epi16(_mm512_and_si512(x, _mm512_set1_epi16(0x80)), 8));
}
#endif

}  // namespace
}  // namespace r1
