// A stored tensor read as rows of float32, whatever its type. FP8 codes come multiplied with their block scales
// (model.md 7).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "formats/weight_source.h"

namespace r1 {

class WeightRows {
 public:
  // Throws Error(kBadModel) where the tensor is missing or holds no number, or is FP8 without scales of the right
  // shape.
  WeightRows(const WeightSource& source, std::string_view hub_name);

  const Tensor& values() const { return values_; }
  int64_t rows() const { return values_.rows(); }
  int64_t cols() const { return values_.cols(); }
  const std::string& name() const { return name_; }
  const std::string& file() const { return file_; }

  // Writes cols() numbers. Any thread.
  void read(int64_t row, float* out) const;

 private:
  void bind_scales(const WeightSource& source);

  std::string name_, file_;
  Tensor values_;
  Tensor scales_;  // empty unless FP8
  int64_t block_rows_ = 128, block_cols_ = 128;
};

// The name of the scales of an FP8 tensor: "X.weight" -> "X.weight_scale_inv".
std::string scale_name(std::string_view weight_name);

// Whether this tensor is the scales of another one, which is FP8.
bool is_scale(const WeightSource& source, std::string_view hub_name);

}  // namespace r1
