#include "models/dense_ffn.h"

#include "ops/activation.h"

namespace r1 {

DenseFfn::DenseFfn(WeightBinder& weights, const std::string& prefix, int64_t hidden, int64_t width)
    : gate_(weights.linear(prefix + "gate_proj", width, hidden)),
      up_(weights.linear(prefix + "up_proj", width, hidden)),
      down_(weights.linear(prefix + "down_proj", hidden, width)) {}

Tensor DenseFfn::forward(Pass& pass, Tensor residual, Tensor x) const {
  auto [gate, up] = linears(pass, x, gate_, up_);
  return add(pass, residual, linear(pass, silu_mul(pass, gate, up), down_));
}

}  // namespace r1
