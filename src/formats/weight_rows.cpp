#include "formats/weight_rows.h"

#include "tensor/quant.h"

namespace r1 {

constexpr std::string_view kScaleEnding = "_scale_inv";

std::string scale_name(std::string_view weight_name) { return fmt::format("{}{}", weight_name, kScaleEnding); }

bool is_scale(const WeightSource& source, std::string_view hub_name) {
  if (!hub_name.ends_with(kScaleEnding)) return false;
  hub_name.remove_suffix(kScaleEnding.size());
  const auto weight = source.find(hub_name);
  return weight && weight->values.dtype() == DType::F8_E4M3;
}

WeightRows::WeightRows(const WeightSource& source, std::string_view hub_name) : name_(hub_name), file_(source.path()) {
  const auto stored = source.find(hub_name);
  if (!stored) fail(Exit::kBadModel, "{}: tensor '{}' is missing", file_, name_);
  file_ = stored->file;
  values_ = stored->values;
  if (values_.elements() == 0)
    fail(Exit::kBadModel, "{}: tensor '{}' is empty: {}", file_, name_, values_.shape_text());
  if (values_.dtype() == DType::F8_E4M3) bind_scales(source);
}

void WeightRows::bind_scales(const WeightSource& source) {
  const auto scales = source.find(scale_name(name_));
  if (!scales) fail(Exit::kBadModel, "{}: FP8 tensor '{}' has no scales ('{}')", file_, name_, scale_name(name_));
  scales_ = scales->values;
  const Json& config = source.config();
  if (const auto quant = config.find("quantization_config");
      quant != config.end() && quant->contains("weight_block_size")) {
    const Json& size = (*quant)["weight_block_size"];
    const auto is_extent = [](const Json& number) {  // unsigned: 2^64 - 1 must not pass for -1
      return number.is_number_unsigned() && number.get<uint64_t>() >= 1 && number.get<uint64_t>() <= INT32_MAX;
    };
    if (!size.is_array() || size.size() != 2 || !is_extent(size[0]) || !is_extent(size[1])) {
      fail(Exit::kBadModel, "{}: config.json 'weight_block_size' is {}, expected two integers from 1 to {}",
           source.path(), quotable(size.dump()), INT32_MAX);
    }
    block_rows_ = size[0].get<int64_t>();
    block_cols_ = size[1].get<int64_t>();
  }
  const int64_t rows = (values_.rows() - 1) / block_rows_ + 1, cols = (values_.cols() - 1) / block_cols_ + 1;
  if (scales_.dtype() != DType::F32 || scales_.rank() != 2 || scales_.extent(0) != rows || scales_.extent(1) != cols) {
    fail(Exit::kBadModel, "{}: tensor '{}' is {} {}, expected f32 [{}, {}]", scales->file, scales->name,
         r1::name(scales_.dtype()), scales_.shape_text(), rows, cols);
  }
}

void WeightRows::read(int64_t row, float* out) const {
  decode(values_.dtype(), values_.row(row), out, cols());
  if (scales_.empty()) return;
  for (int64_t begin = 0, block = 0; begin < cols(); begin += block_cols_, ++block) {
    float scale;
    decode(DType::F32, scales_.row(row / block_rows_) + 4 * block, &scale, 1);
    const int64_t end = std::min(cols(), begin + block_cols_);
    for (int64_t i = begin; i < end; ++i) out[i] *= scale;
  }
}

}  // namespace r1
