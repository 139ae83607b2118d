// Mixture of experts: route every row, group rows by expert, run the experts, bring the results home (model.md 3.8).
#pragma once

#include <span>
#include <vector>

#include "ops/linear.h"
#include "ops/pass.h"
#include "tensor/tensor.h"

namespace r1 {

struct Expert {
  Linear gate, up, down;
};

// Which experts each row goes to, in ascending index, and with what weight. Lives in the arena.
struct Routing {
  Tensor experts;  // I32 [n, chosen]
  Tensor weights;  // F32 [n, chosen]
};

// logits F32 [n, experts]; bias F32 [experts] or empty, for the choice only.
Routing route(Pass& pass, Tensor logits, Tensor bias, const RouterRule& rule);

// base + sum over the chosen experts, in ascending index, of weight * down(silu(gate x) * up x): x [n, d] -> [n, d].
// Consumes base (see add). All experts' products go to the backend in two calls.
Tensor mix_experts(Pass& pass, Tensor base, Tensor x, const Routing& routing, std::span<const Expert> experts);

}  // namespace r1
