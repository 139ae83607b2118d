// add and silu_mul: element by element.
#pragma once

#include "ops/pass.h"
#include "tensor/tensor.h"

namespace r1 {

// x + y, [n, d]. Consumes x: the sum takes its place, so that a residual stream stays where it is while layers come and
// go. (A pass that remembers its way will have to make a new tensor; callers go on with what is returned.)
Tensor add(Pass& pass, Tensor x, Tensor y);

// silu(gate) * up, [n, d]. Consumes gate in the same sense.
Tensor silu_mul(Pass& pass, Tensor gate, Tensor up);

}  // namespace r1
