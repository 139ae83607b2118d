#include <algorithm>
#include <cmath>
#include <span>

#include "base/error.h"
#include "tensor/block_layout.h"
#include "tensor/quant.h"
#include "tensor/quant_search.h"

namespace r1 {
namespace {

float inverse_of(float d) { return d != 0 ? 1 / d : 0; }

// Element e of 32: its low four bits into byte e % 16, the low half first.
void put_nibble(uint8_t* qs, int e, int code) {
  qs[e % 16] = static_cast<uint8_t>(qs[e % 16] | (code & 15) << (4 * (e / 16)));
}
void put_fifth_bit(uint8_t* qh, int e, int code) {
  qh[e / 8] = static_cast<uint8_t>(qh[e / 8] | (code >> 4 & 1) << (e % 8));
}

void encode_q8_0(const float* x, uint8_t* b) {
  const float d = std::fabs(peak_of({x, 32})) / 127, id = inverse_of(d);
  store_f16(b, d);
  for (int e = 0; e < 32; ++e) b[2 + e] = static_cast<uint8_t>(clamp_code(std::roundf(x[e] * id), -128, 127));
}

void encode_q4_0(const float* x, uint8_t* b) {
  const float d = peak_of({x, 32}) / -8, id = inverse_of(d);
  store_f16(b, d);
  for (int e = 0; e < 32; ++e) put_nibble(b + 2, e, clamp_code(x[e] * id + 8.5f, 0, 15));
}

void encode_q5_0(const float* x, uint8_t* b) {
  const float d = peak_of({x, 32}) / -16, id = inverse_of(d);
  store_f16(b, d);
  for (int e = 0; e < 32; ++e) {
    const int code = clamp_code(x[e] * id + 16.5f, 0, 31);
    put_nibble(b + 6, e, code);
    put_fifth_bit(b + 2, e, code);
  }
}

void encode_q4_1(const float* x, uint8_t* b) {
  const auto [low, high] = std::minmax_element(x, x + 32);
  const float d = (*high - *low) / 15, id = inverse_of(d);
  store_f16(b, d);
  store_f16(b + 2, *low);
  for (int e = 0; e < 32; ++e) put_nibble(b + 4, e, clamp_code((x[e] - *low) * id + 0.5f, 0, 15));
}

void encode_q5_1(const float* x, uint8_t* b) {
  const auto [low, high] = std::minmax_element(x, x + 32);
  const float d = (*high - *low) / 31, id = inverse_of(d);
  store_f16(b, d);
  store_f16(b + 2, *low);
  for (int e = 0; e < 32; ++e) {
    const int code = clamp_code((x[e] - *low) * id + 0.5f, 0, 31);
    put_nibble(b + 8, e, code);
    put_fifth_bit(b + 4, e, code);
  }
}

void encode_iq4_nl(const float* x, uint8_t* b) {
  const float d = search_iq4({x, 32}), id = inverse_of(d);
  store_f16(b, d);
  for (int e = 0; e < 32; ++e) put_nibble(b + 2, e, nearest_iq4(id * x[e]));
}

void encode_mxfp4(const float* x, uint8_t* b) {
  const float amax = std::fabs(peak_of({x, 32}));
  b[0] = static_cast<uint8_t>(amax > 0 && std::isfinite(amax) ? std::clamp(std::ilogb(amax) - 2 + 127, 0, 254) : 0);
  const float d = std::ldexp(1.0f, b[0] - 128);
  for (int e = 0; e < 32; ++e) {
    int best = 0;
    for (int code = 1; code < 16; ++code) {
      if (std::fabs(d * kFp4Values[code] - x[e]) < std::fabs(d * kFp4Values[best] - x[e])) best = code;
    }
    put_nibble(b + 1, e, best);
  }
}

// Two bits of element e of 256, where c = e/128 and r = e%128: bits 2·(r/32) of byte 32·c + r%32.
void put_two_bits(uint8_t* qs, int e, int bits) {
  const int c = e / 128, r = e % 128;
  qs[32 * c + r % 32] = static_cast<uint8_t>(qs[32 * c + r % 32] | (bits & 3) << (2 * (r / 32)));
}

// Scales and minima of groups, as integers up to `limit` times a common f16 each.
struct Groups {
  float d = 0, dmin = 0;  // rounded to f16
  std::array<ScaleMin, 16> pairs = {};
};

Groups quantise_groups(std::span<const ScaleAndMin> groups, int limit) {
  float scale = 0, min = 0;
  for (const ScaleAndMin& group : groups) {
    scale = std::max(scale, group.scale);
    min = std::max(min, group.min);
  }
  const float most = static_cast<float>(limit);
  const float inverse_scale = scale > 0 ? most / scale : 0, inverse_min = min > 0 ? most / min : 0;
  Groups result;
  result.d = f16_to_f32(f32_to_f16(scale / most));
  result.dmin = f16_to_f32(f32_to_f16(min / most));
  for (size_t j = 0; j < groups.size(); ++j) {
    result.pairs[j] = {static_cast<uint8_t>(clamp_code(nearest(inverse_scale * groups[j].scale), 0, limit)),
                       static_cast<uint8_t>(clamp_code(nearest(inverse_min * groups[j].min), 0, limit))};
  }
  return result;
}

// Codes of group j again, with the scales as they are stored. A group of scale 0 keeps the codes of the search.
void recode(const Groups& groups, int j, std::span<const float> x, int limit, uint8_t* codes) {
  const float d = groups.d * groups.pairs[j].scale, m = groups.dmin * groups.pairs[j].min;
  if (d == 0) return;
  for (size_t i = 0; i < x.size(); ++i) codes[i] = static_cast<uint8_t>(clamp_code(nearest((x[i] + m) / d), 0, limit));
}

void encode_q2_k(const float* x, uint8_t* b) {
  uint8_t codes[256];
  std::array<ScaleAndMin, 16> found;
  for (int j = 0; j < 16; ++j) {
    float weights[16];
    for (int e = 0; e < 16; ++e) weights[e] = std::fabs(x[16 * j + e]);
    found[j] = search_asymmetric({x + 16 * j, 16}, weights, {3, -0.5f, 0.1f, 15, true}, codes + 16 * j);
  }
  const Groups groups = quantise_groups(found, 15);
  store_f16(b + 80, groups.d);
  store_f16(b + 82, groups.dmin);
  for (int j = 0; j < 16; ++j) {
    b[j] = static_cast<uint8_t>(groups.pairs[j].scale | groups.pairs[j].min << 4);
    recode(groups, j, {x + 16 * j, 16}, 3, codes + 16 * j);
  }
  for (int e = 0; e < 256; ++e) put_two_bits(b + 16, e, codes[e]);
}

void encode_q3_k(const float* x, uint8_t* b) {
  float found[16];
  for (int j = 0; j < 16; ++j) found[j] = refine_symmetric({x + 16 * j, 16}, 4);
  const float peak = peak_of(found), is = peak != 0 ? -32 / peak : 0;
  store_f16(b + 108, inverse_of(is));
  const float d = load_f16(b + 108);
  uint8_t *hmask = b, *qs = b + 32, *scales = b + 96;
  for (int j = 0; j < 16; ++j) {
    const int scale = peak != 0 ? clamp_code(nearest(is * found[j]), -32, 31) : -32;
    const int stored = scale + 32;
    scales[j % 8] = static_cast<uint8_t>(scales[j % 8] | (stored & 15) << (4 * (j / 8)));
    scales[8 + j % 4] = static_cast<uint8_t>(scales[8 + j % 4] | (stored >> 4) << (2 * (j / 4)));
    const float step = d * static_cast<float>(scale);
    for (int e = 16 * j; e < 16 * j + 16; ++e) {
      const int code = (step != 0 ? clamp_code(nearest(x[e] / step), -4, 3) : 0) + 4;
      put_two_bits(qs, e, code);
      hmask[e % 32] = static_cast<uint8_t>(hmask[e % 32] | (code >> 2) << (e / 32));
    }
  }
}

// Q4_K, and Q5_K with the fifth bits in qh.
void encode_with_mins(const float* x, const AsymmetricSearch& how, uint8_t* b, uint8_t* qh, uint8_t* qs) {
  uint8_t codes[256];
  std::array<ScaleAndMin, 8> found;
  for (int j = 0; j < 8; ++j) {
    const float* group = x + 32 * j;
    float squares = 0, weights[32];
    for (int e = 0; e < 32; ++e) squares += group[e] * group[e];
    const float typical = std::sqrt(squares / 32);
    for (int e = 0; e < 32; ++e) weights[e] = typical + std::fabs(group[e]);
    found[j] = search_asymmetric({group, 32}, weights, how, codes + 32 * j);
  }
  const Groups groups = quantise_groups(found, 63);
  store_f16(b, groups.d);
  store_f16(b + 2, groups.dmin);
  for (int j = 0; j < 8; ++j) {
    store_scale_min(b + 4, j, groups.pairs[j]);
    recode(groups, j, {x + 32 * j, 32}, how.limit, codes + 32 * j);
  }
  for (int e = 0; e < 256; ++e) {
    uint8_t& byte = qs[32 * (e / 64) + e % 32];
    byte = static_cast<uint8_t>(byte | (codes[e] & 15) << (4 * (e % 64 / 32)));
    if (qh != nullptr) qh[e % 32] = static_cast<uint8_t>(qh[e % 32] | (codes[e] >> 4) << (e / 32));
  }
}

void encode_q4_k(const float* x, uint8_t* b) { encode_with_mins(x, {15, -1.0f, 0.1f, 20, false}, b, nullptr, b + 16); }
void encode_q5_k(const float* x, uint8_t* b) { encode_with_mins(x, {31, -0.5f, 0.1f, 15, false}, b, b + 16, b + 48); }

void encode_q6_k(const float* x, uint8_t* b) {
  uint8_t codes[256];
  float found[16];
  for (int j = 0; j < 16; ++j) found[j] = search_symmetric({x + 16 * j, 16}, 32, codes + 16 * j);
  const float peak = peak_of(found);
  if (std::fabs(peak) < 1e-15f) return;  // all zero, and so are the bytes
  const float is = -128 / peak;
  store_f16(b + 208, 1 / is);
  const float d = load_f16(b + 208);
  for (int j = 0; j < 16; ++j) {
    const int scale = clamp_code(nearest(is * found[j]), -128, 127);
    b[192 + j] = static_cast<uint8_t>(scale);
    const float step = d * static_cast<float>(scale);
    if (step == 0) continue;
    for (int e = 16 * j; e < 16 * j + 16; ++e)
      codes[e] = static_cast<uint8_t>(clamp_code(nearest(x[e] / step), -32, 31) + 32);
  }
  for (int e = 0; e < 256; ++e) {
    const int c = e / 128, r = e % 128;
    uint8_t& low = b[64 * c + r % 64];
    low = static_cast<uint8_t>(low | (codes[e] & 15) << (4 * (r / 64)));
    put_two_bits(b + 128, e, codes[e] >> 4);
  }
}

void encode_iq4_xs(const float* x, uint8_t* b) {
  float found[8];
  for (int j = 0; j < 8; ++j) found[j] = search_iq4({x + 32 * j, 32});
  const float d = peak_of(found) / -32, id = inverse_of(d);  // the codes are taken with d before it is rounded
  store_f16(b, d);
  int scales_high = 0;
  for (int j = 0; j < 8; ++j) {
    const int scale = clamp_code(nearest(id * found[j]), -32, 31), stored = scale + 32;
    b[4 + j / 2] = static_cast<uint8_t>(b[4 + j / 2] | (stored & 15) << (4 * (j % 2)));
    scales_high |= (stored >> 4) << (2 * j);
    const float inverse = inverse_of(d * static_cast<float>(scale));
    for (int e = 0; e < 32; ++e) put_nibble(b + 8 + 16 * j, e, nearest_iq4(inverse * x[32 * j + e]));
  }
  store_u16(b + 2, static_cast<uint16_t>(scales_high));
}

void encode_f16(const float* x, uint8_t* b) { store_f16(b, *x); }
void encode_bf16(const float* x, uint8_t* b) { store_u16(b, f32_to_bf16(*x)); }
void encode_e4m3(const float* x, uint8_t* b) { *b = f32_to_e4m3(*x); }
void encode_f32(const float* x, uint8_t* b) { std::memcpy(b, x, 4); }

using EncodeBlock = void (*)(const float* values, uint8_t* zeroed_block);

constexpr std::array<EncodeBlock, kDTypes> kEncoders = {
    encode_f32,  encode_f16,  encode_bf16,   encode_e4m3,   encode_q8_0,  encode_q4_0,
    encode_q4_1, encode_q5_0, encode_q5_1,   encode_q2_k,   encode_q3_k,  encode_q4_k,
    encode_q5_k, encode_q6_k, encode_iq4_nl, encode_iq4_xs, encode_mxfp4, nullptr,
};

}  // namespace

void encode(DType dtype, const float* values, void* blocks, int64_t count) {
  const int elements = block_elements(dtype), bytes = block_bytes(dtype);
  R1_CHECK(count % elements == 0, "{} numbers of {}", count, name(dtype));
  const EncodeBlock encode_block = kEncoders[static_cast<size_t>(dtype)];
  R1_CHECK(encode_block != nullptr, "no encoder for {}", name(dtype));
  if (count == 0) return;
  auto* block = static_cast<uint8_t*>(blocks);
  std::memset(block, 0, static_cast<size_t>(row_bytes(dtype, count)));
  for (int64_t done = 0; done < count; done += elements, block += bytes) encode_block(values + done, block);
}

}  // namespace r1
