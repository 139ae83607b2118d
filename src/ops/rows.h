// Moving numbers without arithmetic: rows picked by index, embeddings looked up, columns put side by side.
#pragma once

#include <span>

#include "ops/pass.h"
#include "tensor/tensor.h"

namespace r1 {

// Row ids[i] of a table [vocabulary, d], decoded: F32 [n, d].
Tensor embed(Pass& pass, const Weight& table, std::span<const int32_t> ids);

// x[index[i]], row by row: [index.size(), d].
Tensor gather_rows(Pass& pass, Tensor x, std::span<const int32_t> index);

// Writes x into y, both of as many columns; y has a multiple of x's rows, and every row of x is written that many times
// in succession: the way a key shared by all heads gets a place in each.
void copy_rows(Pass& pass, Tensor y, Tensor x);

}  // namespace r1
