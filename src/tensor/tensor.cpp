#include "tensor/tensor.h"

namespace r1 {

std::string shape_text(std::span<const int64_t> shape) {
  std::string text = "[";
  for (size_t axis = 0; axis < shape.size(); ++axis) text += fmt::format("{}{}", axis > 0 ? ", " : "", shape[axis]);
  return text + "]";
}

Tensor::Tensor(const void* data, DType dtype, const int64_t* extents, int rank)
    : data_(static_cast<std::byte*>(const_cast<void*>(data))), dtype_(dtype), rank_(rank) {
  R1_CHECK(rank >= 0 && rank <= 4, "rank {}", rank);
  for (int axis = 0; axis < rank; ++axis) shape_[axis] = extents[axis];
  R1_CHECK(cols() % block_elements(dtype) == 0, "{} columns of {}", cols(), name(dtype));
  row_stride_ = row_bytes(dtype, cols());
}

Tensor::Tensor(void* data, DType dtype, std::initializer_list<int64_t> shape)
    : Tensor(data, dtype, shape.begin(), static_cast<int>(shape.size())) {}

int64_t Tensor::rows() const {
  int64_t rows = 1;
  for (int axis = 0; axis + 1 < rank_; ++axis) rows *= shape_[axis];
  return rows;
}

Tensor Tensor::slice_rows(int64_t begin, int64_t end) const {
  R1_CHECK(0 <= begin && begin <= end && end <= rows(), "rows {} to {} of {}", begin, end, rows());
  Tensor part(data_ + begin * row_stride_, dtype_, {end - begin, cols()});
  part.row_stride_ = row_stride_;
  return part;
}

Tensor Tensor::slice_cols(int64_t begin, int64_t end) const {
  R1_CHECK(0 <= begin && begin <= end && end <= cols(), "columns {} to {} of {}", begin, end, cols());
  R1_CHECK(block_elements(dtype_) == 1, "columns of {}", name(dtype_));
  Tensor part(data_ + begin * block_bytes(dtype_), dtype_, {rows(), end - begin});
  part.row_stride_ = row_stride_;
  return part;
}

Tensor Tensor::reshape(std::initializer_list<int64_t> shape) const {
  R1_CHECK(dense(), "a strided {} tensor {}", name(dtype_), shape_text());
  Tensor other(data_, dtype_, shape);
  R1_CHECK(other.elements() == elements(), "{} to {}", shape_text(), other.shape_text());
  return other;
}

}  // namespace r1
