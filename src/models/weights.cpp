#include "models/weights.h"

#include <cstdlib>
#include <utility>

#include "base/log.h"
#include "formats/weight_source.h"
#include "tensor/quant.h"

namespace r1 {
namespace {

std::string text_of(const std::vector<int64_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

bool same_shape(const Tensor& tensor, const std::vector<int64_t>& shape) {
  if (tensor.rank() != static_cast<int>(shape.size())) return false;
  for (int axis = 0; axis < tensor.rank(); ++axis) {
    if (tensor.extent(axis) != shape[static_cast<size_t>(axis)]) return false;
  }
  return true;
}

}  // namespace

// ---- memory ----

ModelMemory::~ModelMemory() {
  for (const Block& block : blocks_) backend_->release(block.data, block.size);
}

void* ModelMemory::take(size_t bytes) {
  blocks_.push_back({backend_->allocate(bytes), bytes});
  bytes_ += bytes;
  return blocks_.back().data;
}

void ModelMemory::give_back_last() {
  bytes_ -= blocks_.back().size;
  backend_->release(blocks_.back().data, blocks_.back().size);
  blocks_.pop_back();
}

// ---- construction ----

WeightBinder WeightBinder::shapes() { return WeightBinder(Mode::Shapes); }

WeightBinder WeightBinder::check(const WeightSource& source, const Backend& backend) {
  WeightBinder binder(Mode::Check);
  binder.source_ = &source;
  binder.measured_ = &backend;
  return binder;
}

WeightBinder WeightBinder::load(const WeightSource& source, Backend& backend, ModelMemory& memory, uint64_t total,
                                Progress progress) {
  WeightBinder binder(Mode::Load);
  binder.source_ = &source;
  binder.measured_ = binder.backend_ = &backend;
  binder.memory_ = &memory;
  binder.total_ = total;
  binder.progress_ = std::move(progress);
  return binder;
}

// ---- finding ----

std::string WeightBinder::path() const { return source_ == nullptr ? "" : source_->path(); }

bool WeightBinder::has(const std::string& full_name) const {
  return source_ != nullptr && source_->find(full_name).has_value();
}

void WeightBinder::skip(const std::string& full_name) { used_.insert(full_name); }

void WeightBinder::read(uint64_t bytes) {
  stored_bytes_ += bytes;
  if (mode_ == Mode::Load && progress_) progress_(stored_bytes_, total_);
}

StoredTensor WeightBinder::find(const std::string& full_name, const std::vector<int64_t>& shape) {
  auto tensor = source_->find(full_name);
  if (!tensor) {
    fail(Exit::kBadModel, "{}: tensor '{}' is missing, expected with shape {}", source_->path(), full_name,
         text_of(shape));
  }
  if (!same_shape(tensor->values, shape)) {
    fail(Exit::kBadModel, "{}: tensor '{}' has shape {}, expected {}", tensor->file, tensor->name,
         tensor->values.shape_text(), text_of(shape));
  }
  if (tensor->values.dtype() == DType::I32) {
    fail(Exit::kBadModel, "{}: tensor '{}' holds integers, expected weights", tensor->file, tensor->name);
  }
  used_.insert(full_name);
  return std::move(*tensor);
}

Tensor WeightBinder::find_scales(const std::string& full_name, const StoredTensor& codes, int64_t rows, int64_t cols) {
  const std::string name = full_name + "_scale_inv";
  if (!source_->find(name)) {
    fail(Exit::kBadModel, "{}: tensor '{}' is f8_e4m3, but its scales '{}' are missing", codes.file, codes.name, name);
  }
  const StoredTensor scales = find(name, {scale_blocks(rows), scale_blocks(cols)});
  if (scales.values.dtype() != DType::F32) {
    fail(Exit::kBadModel, "{}: tensor '{}' is {}, expected f32", scales.file, scales.name,
         r1::name(scales.values.dtype()));
  }
  return scales.values;
}

Weight WeightBinder::as_weight(const StoredTensor& tensor, const std::string& full_name, int64_t rows, int64_t cols) {
  Weight weight{tensor.values.dtype(), rows, cols, tensor.values.reshape({rows, cols}), {}, nullptr};
  if (weight.dtype == DType::F8_E4M3) weight.scales = find_scales(full_name, tensor, rows, cols);
  return weight;
}

Weight WeightBinder::stored(const std::string& name, int64_t rows, int64_t cols) {
  if (mode_ == Mode::Shapes) return {DType::F32, rows, cols, {}, {}, nullptr};
  const std::string full_name = name + ".weight";
  return as_weight(find(full_name, {rows, cols}), full_name, rows, cols);
}

Weight WeightBinder::stored_heads(const std::string& name, int64_t heads, int64_t rows, int64_t cols) {
  if (mode_ == Mode::Shapes) return {DType::F32, heads * rows, cols, {}, {}, nullptr};
  const std::string full_name = name + ".weight";
  return as_weight(find(full_name, {heads, rows, cols}), full_name, heads * rows, cols);
}

// ---- packing ----

Weight WeightBinder::pack(const Weight& stored) {
  if (mode_ == Mode::Shapes) return stored;
  packed_bytes_ += measured_->packed_bytes(stored.dtype, stored.rows, stored.cols);
  return mode_ == Mode::Load ? backend_->pack(stored) : stored;
}

void WeightBinder::done_with(const Weight& whole) {
  if (mode_ == Mode::Shapes) return;
  if (mode_ == Mode::Load) source_->forget(whole.values);
  read(static_cast<uint64_t>(whole.values.bytes()));
}

Weight WeightBinder::pack_decoded(int64_t rows, int64_t cols, DType dtype,
                                  FunctionRef<void(int64_t row, float* values)> decode_row) {
  Weight weight{dtype, rows, cols, {}, {}, nullptr};
  if (mode_ == Mode::Shapes) return weight;
  const size_t bytes = static_cast<size_t>(rows * row_bytes(dtype, cols));
  const size_t packed = measured_->packed_bytes(dtype, rows, cols);
  packed_bytes_ += packed > 0 ? packed : bytes;  // a backend that packs nothing computes with our copy
  if (mode_ == Mode::Check) return weight;

  weight.values = Tensor(memory_->take(bytes), dtype, {rows, cols});
  std::vector<float> row(static_cast<size_t>(cols));
  for (int64_t r = 0; r < rows; ++r) {
    decode_row(r, row.data());
    encode(dtype, row.data(), weight.values.row(r), cols);
  }
  Weight result = backend_->pack(weight);
  if (result.values.empty()) memory_->give_back_last();
  return result;
}

Linear WeightBinder::linear(const std::string& name, int64_t out, int64_t in, bool biased) {
  const Weight whole = stored(name, out, in);
  Linear map{pack(whole), {}};
  if (mode_ == Mode::Load && !map.weight.values.empty()) {
    read(static_cast<uint64_t>(whole.values.bytes()));  // computed with where it lies
  } else {
    done_with(whole);
  }
  if (biased) map.bias = vector(name + ".bias", out);
  return map;
}

Linear WeightBinder::exact_linear(const std::string& name, int64_t out, int64_t in) {
  const Weight whole = stored(name, out, in);
  Linear map{pack_decoded(out, in, DType::F32, [&](int64_t row, float* values) { decode_row(whole, row, values); }),
             {}};
  done_with(whole);
  return map;
}

Weight WeightBinder::table(const std::string& name, int64_t rows, int64_t cols) { return stored(name, rows, cols); }

RmsNorm WeightBinder::norm(const std::string& name, int64_t width, float eps) {
  return {vector(name + ".weight", width), eps};
}

Tensor WeightBinder::vector(const std::string& full_name, int64_t width) {
  if (mode_ == Mode::Shapes) return Tensor(static_cast<void*>(nullptr), DType::F32, {width});
  const StoredTensor stored = find(full_name, {width});
  if (is_quantised(stored.values.dtype())) {
    fail(Exit::kBadModel, "{}: tensor '{}' is {}, expected f32, f16 or bf16", stored.file, stored.name,
         r1::name(stored.values.dtype()));
  }
  const size_t bytes = static_cast<size_t>(width) * sizeof(float);
  packed_bytes_ += bytes;
  read(static_cast<uint64_t>(stored.values.bytes()));
  if (mode_ == Mode::Check) return Tensor(static_cast<void*>(nullptr), DType::F32, {width});
  const Tensor values(memory_->take(bytes), DType::F32, {width});
  decode(stored.values.dtype(), stored.values.data(), values.f32(), width);
  return values;
}

// ---- parts ----

Linear WeightBinder::rows(const Weight& whole, int64_t begin, int64_t end, DType decoded) {
  if (whole.dtype == DType::F8_E4M3 && begin % kF8ScaleBlock != 0) {
    const auto from_whole = [&](int64_t row, float* values) { decode_row(whole, begin + row, values); };
    return {pack_decoded(end - begin, whole.cols, decoded, from_whole), {}};
  }
  Weight part{whole.dtype, end - begin, whole.cols, {}, {}, nullptr};
  if (!whole.values.empty()) part.values = whole.values.slice_rows(begin, end);
  if (!whole.scales.empty()) part.scales = whole.scales.slice_rows(begin / kF8ScaleBlock, scale_blocks(end));
  return {pack(part), {}};
}

Linear WeightBinder::transposed(const Weight& whole, int64_t begin, int64_t height, int64_t stride, int64_t heads,
                                DType decoded) {
  std::vector<float> head;  // the one at hand, decoded: [height, cols]
  int64_t at = -1;
  const auto column = [&](int64_t row, float* values) {
    if (const int64_t h = row / whole.cols; h != at) {
      head.resize(static_cast<size_t>(height * whole.cols));
      for (int64_t r = 0; r < height; ++r) decode_row(whole, begin + h * stride + r, head.data() + r * whole.cols);
      at = h;
    }
    for (int64_t r = 0; r < height; ++r) values[r] = head[static_cast<size_t>(r * whole.cols + row % whole.cols)];
  };
  return {pack_decoded(heads * whole.cols, height, decoded, column), {}};
}

// ---- surplus ----

void WeightBinder::finish(const ModelConfig& config) const {
  int64_t mtp = 0, surplus = 0;
  std::string first;
  for (const std::string& name : source_->names()) {
    if (used_.contains(name) || name.ends_with("rotary_emb.inv_freq")) continue;
    if (config.tied_head && name == "lm_head.weight") {
      spdlog::info("{}: '{}' is left out: the head is tied to the embedding", source_->path(), name);
      continue;
    }
    const std::string_view prefix = "model.layers.";
    const bool layer = name.starts_with(prefix) && name.size() > prefix.size();
    if (config.architecture == Architecture::DeepseekV3 && layer &&
        std::strtoll(name.c_str() + prefix.size(), nullptr, 10) >= config.layers) {
      ++mtp;
      continue;
    }
    if (surplus++ == 0) first = name;
  }
  if (surplus > 0) {
    const auto tensor = source_->find(first);
    fail(Exit::kBadModel, "{}: tensor '{}' {}is not part of a {} model of {} layers{}",
         tensor ? tensor->file : source_->path(), tensor ? tensor->name : first,
         tensor ? tensor->values.shape_text() + " " : "", name(config.architecture), config.layers,
         surplus > 1 ? fmt::format(", and {} more are not", surplus - 1) : "");
  }
  if (mtp > 0) spdlog::info("{}: {} tensors of multi-token-prediction layers are left out", source_->path(), mtp);
}

}  // namespace r1
