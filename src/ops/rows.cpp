#include "ops/rows.h"

namespace r1 {

Tensor embed(Pass& pass, const Weight& table, std::span<const int32_t> ids) {
  for (const int32_t id : ids) R1_CHECK(0 <= id && id < table.rows, "id {} of {}", id, table.rows);
  const Tensor y = pass.arena.tensor({static_cast<int64_t>(ids.size()), table.cols});
  pass.backend.embed(y, table, ids);
  return y;
}

Tensor gather_rows(Pass& pass, Tensor x, std::span<const int32_t> index) {
  for (const int32_t row : index) R1_CHECK(0 <= row && row < x.rows(), "row {} of {}", row, x.shape_text());
  const Tensor y = pass.arena.tensor({static_cast<int64_t>(index.size()), x.cols()});
  pass.backend.gather_rows(y, x, index);
  return y;
}

void copy_rows(Pass& pass, Tensor y, Tensor x) {
  R1_CHECK(x.rows() > 0 && y.rows() % x.rows() == 0 && x.cols() == y.cols(), "{} into {}", x.shape_text(),
           y.shape_text());
  const Scratch scratch(pass);
  const int64_t times = y.rows() / x.rows();
  const std::span index(pass.arena.tensor({y.rows()}, DType::I32).i32(), static_cast<size_t>(y.rows()));
  for (size_t i = 0; i < index.size(); ++i) index[i] = static_cast<int32_t>(static_cast<int64_t>(i) / times);
  pass.backend.gather_rows(y, x, index);
}

}  // namespace r1
