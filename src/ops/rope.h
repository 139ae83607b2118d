// rope: turns pairs of numbers by an angle that grows with the position (model.md 3.3).
#pragma once

#include <span>

#include "ops/pass.h"
#include "tensor/tensor.h"

namespace r1 {

// The turns of one pass: row i of a tensor is turned by row index[i] of cos_sin (width/2 cosines, then width/2 sines).
struct Rotation {
  Tensor cos_sin;  // F32 [angles, width]
  std::span<const int32_t> index;
  RopePairing pairing = RopePairing::Half;

  int width() const { return static_cast<int>(cos_sin.cols()); }
};

// Turns, in place, the last `width` columns of every head of x [n, heads * head_dim]. In place is right with gradients,
// too: the way back is the turn back.
void rope(Pass& pass, Tensor x, const Rotation& rotation, int heads);

}  // namespace r1
