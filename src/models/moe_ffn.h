// MoeFfn: a router, the experts it chooses for a row, and the shared expert that every row visits (model.md 3.8).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "models/dense_ffn.h"
#include "models/weights.h"
#include "ops/moe.h"

namespace r1 {

class MoeFfn {
 public:
  // `prefix`: "model.layers.3.mlp.".
  MoeFfn(WeightBinder& weights, const std::string& prefix, const ModelConfig& config);

  // residual + FFN(x): x [n, hidden], normed -> [n, hidden]. Consumes residual. `layer`: for the observer.
  Tensor forward(Pass& pass, Tensor residual, Tensor x, int layer) const;

 private:
  RouterRule rule_;
  Linear router_;  // F32: rounding would change the choice
  Tensor router_bias_;
  std::optional<DenseFfn> shared_;
  std::vector<Expert> experts_;
};

}  // namespace r1
