// Tensor: a typed, shaped view of memory that somebody else owns. Copies freely, computes nothing.
//
// Shapes are row-major, outermost first, at most four extents; the last extent is contiguous, rows may be apart
// (row_stride). Operators see a tensor as a matrix: cols() is the last extent, rows() the product of the others. A
// tensor of stored weights points into a read-only mapping: writing to it faults.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "base/error.h"
#include "tensor/dtype.h"

namespace r1 {

std::string shape_text(std::span<const int64_t> shape);  // "[256, 7168]"

class Tensor {
 public:
  Tensor() = default;
  // A dense tensor over `data`. `shape` has 0 to 4 extents; no extents means one number.
  Tensor(void* data, DType dtype, std::initializer_list<int64_t> shape);
  Tensor(const void* data, DType dtype, std::initializer_list<int64_t> shape)
      : Tensor(const_cast<void*>(data), dtype, shape) {}
  Tensor(const void* data, DType dtype, const int64_t* extents, int rank);

  bool empty() const { return data_ == nullptr; }
  DType dtype() const { return dtype_; }
  int rank() const { return rank_; }
  int64_t extent(int axis) const { return shape_[axis]; }
  int64_t cols() const { return rank_ == 0 ? 1 : shape_[rank_ - 1]; }
  int64_t rows() const;
  int64_t elements() const { return rows() * cols(); }
  int64_t row_stride() const { return row_stride_; }  // bytes from one row to the next
  int64_t bytes() const { return rows() * row_bytes(dtype_, cols()); }
  bool dense() const { return row_stride_ == row_bytes(dtype_, cols()); }
  std::string shape_text() const { return r1::shape_text({shape_.data(), static_cast<size_t>(rank_)}); }

  std::byte* data() const { return data_; }
  std::byte* row(int64_t r) const { return data_ + r * row_stride_; }
  float* f32(int64_t r = 0) const {
    R1_CHECK(dtype_ == DType::F32, "dtype {}", name(dtype_));
    return reinterpret_cast<float*>(row(r));
  }
  int32_t* i32(int64_t r = 0) const {
    R1_CHECK(dtype_ == DType::I32, "dtype {}", name(dtype_));
    return reinterpret_cast<int32_t*>(row(r));
  }

  // Rows [begin, end) as a matrix of the same columns.
  Tensor slice_rows(int64_t begin, int64_t end) const;
  // Columns [begin, end) of a matrix of plain numbers: same rows, same stride.
  Tensor slice_cols(int64_t begin, int64_t end) const;
  // The same dense memory in another shape of as many numbers.
  Tensor reshape(std::initializer_list<int64_t> shape) const;

 private:
  std::byte* data_ = nullptr;
  DType dtype_ = DType::F32;
  int rank_ = 0;
  std::array<int64_t, 4> shape_ = {1, 1, 1, 1};
  int64_t row_stride_ = 0;
};

}  // namespace r1
