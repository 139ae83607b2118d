// linear: y = x wᵀ + bias. Weights of any dtype; maps that share an input go to the backend in one call.
#pragma once

#include <array>
#include <span>

#include "ops/pass.h"
#include "tensor/tensor.h"

namespace r1 {

// A matrix [out, in] and its bias, if any: F32 [out].
struct Linear {
  Weight weight;
  Tensor bias;

  int64_t in() const { return weight.cols; }
  int64_t out() const { return weight.rows; }
};

// x [n, in] -> [n, out], F32, at the pass's precision.
Tensor linear(Pass& pass, Tensor x, const Linear& map);

// The same in float32 whatever the pass's precision: for routers, where rounding would change the choice.
Tensor exact_linear(Pass& pass, Tensor x, const Linear& map);

// Several independent products, checked, in one call of the backend.
void project(Pass& pass, std::span<const Projection> projections);

// Several maps of one x: auto [q, k, v] = linears(pass, x, q_proj, k_proj, v_proj).
template <typename... Maps>
std::array<Tensor, sizeof...(Maps)> linears(Pass& pass, Tensor x, const Maps&... maps) {
  const std::array<Tensor, sizeof...(Maps)> y = {pass.arena.tensor({x.rows(), maps.out()})...};
  size_t i = 0;
  const std::array<Projection, sizeof...(Maps)> projections = {Projection{y[i++], &maps.weight, x, maps.bias}...};
  project(pass, projections);
  return y;
}

// One map per head: of head h, the first `in` columns of x [n, heads * x_width] become the first `out` columns of
// y [n, heads * y_width]. The other columns of y stay as they are.
void head_linears(Pass& pass, Tensor y, Tensor x, std::span<const Linear> heads);

}  // namespace r1
