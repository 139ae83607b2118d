#include <cmath>

#include "base/error.h"
#include "tensor/block_layout.h"
#include "tensor/quant.h"

namespace r1 {
namespace {

// Code e of 32 in 16 bytes: low nibbles first, then the high ones.
int nibble(const uint8_t* qs, int e) { return qs[e % 16] >> (4 * (e / 16)) & 15; }
int fifth_bit(const uint8_t* qh, int e) { return qh[e / 8] >> (e % 8) & 1; }

void decode_q8_0(const uint8_t* b, float* y) {
  const float d = load_f16(b);
  for (int e = 0; e < 32; ++e) y[e] = d * static_cast<int8_t>(b[2 + e]);
}

void decode_q4_0(const uint8_t* b, float* y) {
  const float d = load_f16(b);
  for (int e = 0; e < 32; ++e) y[e] = d * static_cast<float>(nibble(b + 2, e) - 8);
}

void decode_q4_1(const uint8_t* b, float* y) {
  const float d = load_f16(b), m = load_f16(b + 2);
  for (int e = 0; e < 32; ++e) y[e] = d * static_cast<float>(nibble(b + 4, e)) + m;
}

void decode_q5_0(const uint8_t* b, float* y) {
  const float d = load_f16(b);
  for (int e = 0; e < 32; ++e) y[e] = d * static_cast<float>(nibble(b + 6, e) + 16 * fifth_bit(b + 2, e) - 16);
}

void decode_q5_1(const uint8_t* b, float* y) {
  const float d = load_f16(b), m = load_f16(b + 2);
  for (int e = 0; e < 32; ++e) y[e] = d * static_cast<float>(nibble(b + 8, e) + 16 * fifth_bit(b + 4, e)) + m;
}

void decode_iq4_nl(const uint8_t* b, float* y) {
  const float d = load_f16(b);
  for (int e = 0; e < 32; ++e) y[e] = d * kIq4Values[nibble(b + 2, e)];
}

void decode_mxfp4(const uint8_t* b, float* y) {
  const float d = std::ldexp(1.0f, b[0] - 128);
  for (int e = 0; e < 32; ++e) y[e] = d * kFp4Values[nibble(b + 1, e)];
}

void decode_q2_k(const uint8_t* b, float* y) {
  const uint8_t *scales = b, *qs = b + 16;
  const float d = load_f16(b + 80), dmin = load_f16(b + 82);
  for (int e = 0; e < 256; ++e) {
    const int c = e / 128, r = e % 128, s = scales[e / 16];
    const int q = qs[32 * c + r % 32] >> (2 * (r / 32)) & 3;
    y[e] = d * static_cast<float>(s & 15) * static_cast<float>(q) - dmin * static_cast<float>(s >> 4);
  }
}

int q3_k_scale(const uint8_t* scales, int j) {
  const int low = j < 8 ? scales[j] & 15 : scales[j - 8] >> 4;
  const int high = scales[8 + j % 4] >> (2 * (j / 4)) & 3;
  return (low | high << 4) - 32;
}

void decode_q3_k(const uint8_t* b, float* y) {
  const uint8_t *hmask = b, *qs = b + 32, *scales = b + 96;
  const float d = load_f16(b + 108);
  for (int e = 0; e < 256; ++e) {
    const int c = e / 128, r = e % 128;
    const int q = (qs[32 * c + r % 32] >> (2 * (r / 32)) & 3) | (hmask[e % 32] >> (e / 32) & 1) << 2;
    y[e] = d * static_cast<float>(q3_k_scale(scales, e / 16)) * static_cast<float>(q - 4);
  }
}

// Q4_K, and Q5_K with the fifth bits in qh.
void decode_with_mins(const uint8_t* b, const uint8_t* qh, const uint8_t* qs, float* y) {
  const float d = load_f16(b), dmin = load_f16(b + 2);
  for (int e = 0; e < 256; ++e) {
    const ScaleMin sm = load_scale_min(b + 4, e / 32);
    int q = qs[32 * (e / 64) + e % 32] >> (4 * (e % 64 / 32)) & 15;
    if (qh != nullptr) q |= (qh[e % 32] >> (e / 32) & 1) << 4;
    y[e] = d * static_cast<float>(sm.scale) * static_cast<float>(q) - dmin * static_cast<float>(sm.min);
  }
}

void decode_q4_k(const uint8_t* b, float* y) { decode_with_mins(b, nullptr, b + 16, y); }
void decode_q5_k(const uint8_t* b, float* y) { decode_with_mins(b, b + 16, b + 48, y); }

void decode_q6_k(const uint8_t* b, float* y) {
  const uint8_t *ql = b, *qh = b + 128, *scales = b + 192;
  const float d = load_f16(b + 208);
  for (int e = 0; e < 256; ++e) {
    const int c = e / 128, r = e % 128;
    const int low = ql[64 * c + r % 64] >> (4 * (r / 64)) & 15, high = qh[32 * c + r % 32] >> (2 * (r / 32)) & 3;
    y[e] = d * static_cast<int8_t>(scales[e / 16]) * static_cast<float>((low | high << 4) - 32);
  }
}

void decode_iq4_xs(const uint8_t* b, float* y) {
  const float d = load_f16(b);
  const int scales_high = load_u16(b + 2);
  const uint8_t *scales_low = b + 4, *qs = b + 8;
  for (int j = 0; j < 8; ++j) {
    const int scale = (scales_low[j / 2] >> (4 * (j % 2)) & 15) | (scales_high >> (2 * j) & 3) << 4;
    for (int e = 0; e < 32; ++e)
      y[32 * j + e] = d * static_cast<float>(scale - 32) * kIq4Values[nibble(qs + 16 * j, e)];
  }
}

void decode_f32(const uint8_t* b, float* y) { std::memcpy(y, b, 4); }
void decode_f16(const uint8_t* b, float* y) { *y = load_f16(b); }
void decode_bf16(const uint8_t* b, float* y) { *y = bf16_to_f32(load_u16(b)); }
void decode_e4m3(const uint8_t* b, float* y) { *y = e4m3_to_f32(*b); }
void decode_i32(const uint8_t* b, float* y) {
  int32_t value;
  std::memcpy(&value, b, 4);
  *y = static_cast<float>(value);
}

using DecodeBlock = void (*)(const uint8_t* block, float* values);

constexpr std::array<DecodeBlock, kDTypes> kDecoders = {
    decode_f32,  decode_f16,  decode_bf16,   decode_e4m3,   decode_q8_0,  decode_q4_0,
    decode_q4_1, decode_q5_0, decode_q5_1,   decode_q2_k,   decode_q3_k,  decode_q4_k,
    decode_q5_k, decode_q6_k, decode_iq4_nl, decode_iq4_xs, decode_mxfp4, decode_i32,
};

}  // namespace

void decode(DType dtype, const void* blocks, float* values, int64_t count) {
  const int elements = block_elements(dtype), bytes = block_bytes(dtype);
  R1_CHECK(count % elements == 0, "{} numbers of {}", count, name(dtype));
  if (dtype == DType::F32) {
    if (count > 0) std::memcpy(values, blocks, static_cast<size_t>(count) * 4);
    return;
  }
  const DecodeBlock decode_block = kDecoders[static_cast<size_t>(dtype)];
  const auto* block = static_cast<const uint8_t*>(blocks);
  for (int64_t done = 0; done < count; done += elements, block += bytes) decode_block(block, values + done);
}

}  // namespace r1
