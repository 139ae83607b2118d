#include "ops/norm.h"

namespace r1 {

Tensor rms_norm(Pass& pass, Tensor x, const RmsNorm& norm) {
  R1_CHECK(x.cols() == norm.gain.elements(), "{} with a gain of {}", x.shape_text(), norm.gain.elements());
  const Tensor y = pass.arena.tensor({x.rows(), x.cols()});
  pass.backend.rms_norm(y, x, norm.gain, norm.eps);
  return y;
}

Tensor head_rms_norm(Pass& pass, Tensor x, const RmsNorm& norm) {
  const int64_t width = norm.gain.elements();
  R1_CHECK(x.cols() % width == 0, "{} in heads of {}", x.shape_text(), width);
  return rms_norm(pass, x.reshape({x.elements() / width, width}), norm).reshape({x.rows(), x.cols()});
}

}  // namespace r1
