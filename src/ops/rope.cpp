#include "ops/rope.h"

namespace r1 {

void rope(Pass& pass, Tensor x, const Rotation& rotation, int heads) {
  R1_CHECK(static_cast<int64_t>(rotation.index.size()) == x.rows(), "{} turns, {}", rotation.index.size(),
           x.shape_text());
  R1_CHECK(x.cols() % heads == 0 && x.cols() / heads >= rotation.width(), "{}, {} heads, {} turned", x.shape_text(),
           heads, rotation.width());
  const int head_dim = static_cast<int>(x.cols() / heads);
  pass.backend.rope(x, rotation.index, rotation.cos_sin, heads, head_dim, head_dim - rotation.width(), rotation.width(),
                    rotation.pairing);
}

}  // namespace r1
