// Tokens laid out as panels (matmul_kernels.h draws them). Included by isa_*.cpp after a simd_*.h.
#include "compute/cpu/bf16.inc.h"

namespace r1 {
namespace {

R1_INLINE Ints splat_word(const std::byte* at) {
  int32_t word;
  memcpy(&word, at, sizeof word);
  return splat_int(word);
}
R1_INLINE float float_at(const std::byte* at) {
  float value;
  memcpy(&value, at, sizeof value);
  return value;
}
R1_INLINE void put(std::byte* at, float value) { memcpy(at, &value, sizeof value); }
R1_INLINE void put(std::byte* at, int32_t value) { memcpy(at, &value, sizeof value); }

// Columns [0, count) of a block, zeros behind them.
R1_INLINE void load_block(const float* x, int64_t count, Floats (&values)[2]) {
  if (count >= kBlock) {
    values[0] = load(x);
    values[1] = load(x + 16);
  } else {
    values[0] = load(x, static_cast<int>(count));
    values[1] = count > 16 ? load(x + 16, static_cast<int>(count) - 16) : splat(0);
  }
}

// Four words of four bytes into every M-th word of the panel.
R1_INLINE void scatter_words(const void* words, std::byte* at, int tokens) {
  for (int i = 0; i < 4; ++i) memcpy(at + 4 * i * tokens, static_cast<const char*>(words) + 4 * i, 4);
}

void make_panel_f32(const float* x, int64_t stride, int tokens, int64_t cols, std::byte* panel) {
  for (int64_t col = 0; col < cols; col += kBlock, panel += kBlock * 4 * tokens) {
    for (int token = 0; token < tokens; ++token) {
      Floats values[2];
      load_block(x + token * stride + col, cols - col, values);
      float row[kBlock];
      store(row, values[0]);
      store(row + 16, values[1]);
      for (int k = 0; k < kBlock; ++k) put(panel + 4 * (k * tokens + token), row[k]);
    }
  }
}

void make_panel_bf16(const float* x, int64_t stride, int tokens, int64_t cols, std::byte* panel) {
  for (int64_t col = 0; col < cols; col += kBlock, panel += kBlock * 2 * tokens) {
    for (int token = 0; token < tokens; ++token) {
      Floats values[2];
      load_block(x + token * stride + col, cols - col, values);
      uint16_t row[kBlock];
      store_low_u16(row, to_bf16(values[0]));
      store_low_u16(row + 16, to_bf16(values[1]));
      for (int i = 0; i < 4; ++i) scatter_words(row + 8 * i, panel + 4 * (4 * i * tokens + token), tokens);
    }
  }
}

// One scale d per 32 numbers, x = d * q, q in -127 … 127 (spec: cpu-performance.md 4.1). Below 1e-30 all is zero.
void make_panel_int8(const float* x, int64_t stride, int tokens, int64_t cols, std::byte* panel) {
  for (int64_t col = 0; col < cols; col += kBlock, panel += panel_block_bytes(PanelForm::Int8) * tokens) {
    for (int token = 0; token < tokens; ++token) {
      Floats values[2];
      load_block(x + token * stride + col, cols - col, values);
      const float most = largest(max(abs(values[0]), abs(values[1])));
      const float inverse = most > 1e-30f ? 127.0f / most : 0.0f;
      const Ints first = to_ints(values[0] * splat(inverse)), second = to_ints(values[1] * splat(inverse));
      int8_t quants[kBlock];
      store_low_u8(quants, first);
      store_low_u8(quants + 16, second);
      scatter_words(quants, panel + 4 * token, tokens);
      scatter_words(quants + 16, panel + 4 * (4 * tokens + token), tokens);
      const int32_t sum_first = sum(first);
      std::byte* behind = panel + 32 * tokens + 4 * token;
      put(behind, -(sum_first + sum(second)));
      put(behind + 4 * tokens, -sum_first);
      put(behind + 8 * tokens, inverse == 0 ? most * 0.0f : most / 127.0f);
    }
  }
}

}  // namespace
}  // namespace r1
