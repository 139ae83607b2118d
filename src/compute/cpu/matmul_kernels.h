// The inner loops of matrix products (matmul.inc.h), as seen by matmul.cpp. docs/kernels.md draws the layouts.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace r1 {

inline constexpr int kTileRows = 16;     // rows of weights per tile: the lanes of a register
inline constexpr int kBlock = 32;        // columns per block: the smallest step of every loop
inline constexpr int kTokenBlock = 504;  // tokens per call at most; a multiple of every set's tokens per panel

// The form in which tokens are laid out before the weights come by: panels of a few tokens, block after block of 32
// columns, columns behind the last one zero. Inside a block of M tokens:
//   F32   float [32][M]
//   Bf16  bfloat16 [16][M][2]
//   Int8  int8 [8][M][4]; then per token: minus the sum of the 32 numbers and of the first 16 (int32 [M] each), the
//   scale (float [M])
enum class PanelForm : uint8_t { F32, Bf16, Int8 };
inline constexpr int kPanelForms = 3;

constexpr int64_t blocks_of(int64_t cols) { return (cols + kBlock - 1) / kBlock; }

// Bytes per token and block.
constexpr int64_t panel_block_bytes(PanelForm form) {
  return form == PanelForm::F32 ? 128 : form == PanelForm::Bf16 ? 64 : 44;
}

// Some tiles of one packed matrix times all tokens of one x.
struct TileProduct {
  const std::byte* packed;  // the first tile
  int64_t tile_bytes;
  int64_t rows, cols;   // the last tile may have fewer than 16 rows
  const float* scales;  // F8_E4M3: scales[row / 128 * scale_stride + col / 128] …
  int64_t scale_stride;
  int64_t first_row;        // … with rows counted from the matrix's first: that of the first tile
  const std::byte* panels;  // panel after panel of MatmulKernels::tokens tokens, the last one may have fewer
  int64_t tokens;           // at most kTokenBlock
  float* y;                 // of the first tile's first row and the first token
  int64_t y_stride;         // floats from one token to the next
  const float* bias;        // of the first tile's first row, or null
  std::byte* scratch;       // MatmulKernels::scratch_bytes, 64-byte aligned, nobody else's
};

struct MatmulKernels {
  int tokens;            // per panel
  size_t scratch_bytes;  // per thread
  // Lays `tokens` rows (`cols` numbers each, `stride` floats apart) out as one panel.
  void (*make_panel[kPanelForms])(const float* x, int64_t stride, int tokens, int64_t cols, std::byte* panel);
  // The arithmetic of a form with operands in registers, for benchmarks: `rounds` rounds on 16 lines of small numbers,
  // which are overwritten. Returns the multiply-adds done. Null where the set has no such instruction.
  int64_t (*peak[kPanelForms])(int64_t rounds, std::byte* lines);
  struct Type {
    PanelForm form[2];  // what each Precision wants the tokens in
    void (*multiply[2])(const TileProduct&);
  } types[kDTypes];
};

}  // namespace r1
