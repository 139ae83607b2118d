// The inner loops of matrix products (matmul.inc.h), as seen by pack.cpp and matmul.cpp. docs/kernels.md draws the
// layouts.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace r1 {

// The form in which the tokens of a product are laid out before the weights come by.
enum class PanelForm : uint8_t { F32, Bf16, Int8 };
inline constexpr int kPanelForms = 3;

inline constexpr int kTileRows = 16;  // rows of weights per tile: the lanes of a register
inline constexpr int kBlock = 32;     // columns per block: the smallest unit of every loop
inline constexpr int64_t blocks_of(int64_t cols) { return (cols + kBlock - 1) / kBlock; }

// A range of tiles of one packed matrix times all tokens of one x.
struct TileProduct {
  const std::byte* packed;  // the first tile of the range
  int64_t tile_bytes;
  int64_t rows, cols;       // of the range; rows of its last tile may be fewer than 16
  const float* scales;      // F8_E4M3: the scales of the row of 128x128 blocks that the range starts in …
  int64_t scale_stride;     // … floats from one such row to the next …
  int64_t scale_row;        // … and the row of the range's first row in it (0, 16, … 112)
  const std::byte* panels;  // tokens, panel after panel of at most `MatmulKernels::tokens`
  int64_t tokens;
  float* y;            // of the range's first row and the first token
  int64_t y_stride;    // floats from one token to the next
  const float* bias;   // of the range's first row, or null
  std::byte* scratch;  // MatmulKernels::scratch_bytes, of this thread
};

struct MatmulKernels {
  int tokens;                       // per panel; a last panel may have fewer
  size_t scratch_bytes;             // per thread
  size_t panel_bytes[kPanelForms];  // per token and block of 32 columns
  // Lays `tokens` rows of x (cols numbers each, `stride` floats apart) out as one panel.
  void (*make_panel[kPanelForms])(const float* x, int64_t stride, int64_t tokens, int64_t cols, std::byte* panel);
  struct Type {
    PanelForm form[2];  // what [Precision] wants the tokens in
    void (*multiply[2])(const TileProduct&);
  } types[kDTypes];
};

}  // namespace r1
