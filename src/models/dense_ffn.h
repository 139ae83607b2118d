// DenseFfn: down(silu(gate x) * up x), the feed-forward of every row alike (model.md 3.1).
#pragma once

#include <string>

#include "models/weights.h"

namespace r1 {

class DenseFfn {
 public:
  // `prefix`: "model.layers.3.mlp.".
  DenseFfn(WeightBinder& weights, const std::string& prefix, int64_t hidden, int64_t width);

  // residual + FFN(x): x [n, hidden], normed -> [n, hidden]. Consumes residual.
  Tensor forward(Pass& pass, Tensor residual, Tensor x) const;

 private:
  Linear gate_, up_, down_;
};

}  // namespace r1
