#include "formats/tensor_stream.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <new>

#include "formats/gguf_names.h"
#include "tensor/quant.h"

namespace r1 {
namespace {

constexpr int64_t kPieceElements = int64_t{1} << 22;  // 16 MB of float32 at a time

// The stored row that output row `row` of heads of `width` rows comes from.
int64_t stored_row(int64_t row, RowOrder order, int64_t width) {
  if (order == RowOrder::Same) return row;
  const int64_t head = row / width * width, within = row % width, half = width / 2;
  if (order == RowOrder::HalvesToInterleaved) return head + within % 2 * half + within / 2;
  return head + within % half * 2 + within / half;
}

// Widths of a hostile config must not overflow what is made of them.
void check_widths(const KvBShape& shape, const WeightRows& weight) {
  for (const int64_t width : {shape.heads, shape.nope, shape.value, shape.lora}) {
    if (width >= 1 && width <= 1 << 20) continue;
    fail(Exit::kBadModel, "{}: heads, nope, value and latent widths are {}, {}, {} and {}: tensor '{}' cannot be split",
         weight.file(), shape.heads, shape.nope, shape.value, shape.lora, weight.name());
  }
}

void check_kv_b(const WeightRows& weight, int64_t rows, int64_t cols, const char* meaning) {
  if (weight.rows() == rows && weight.cols() == cols) return;
  fail(Exit::kBadModel, "{}: tensor '{}' is {}, expected {} rows of {} ({})", weight.file(), weight.name(),
       weight.values().shape_text(), rows, cols, meaning);
}

std::vector<int64_t> shape_of(const Tensor& tensor) {
  std::vector<int64_t> shape;
  for (int axis = 0; axis < tensor.rank(); ++axis) shape.push_back(tensor.extent(axis));
  if (shape.empty()) shape.push_back(1);
  return shape;
}

}  // namespace

int64_t TensorStream::rows() const {
  int64_t rows = 1;
  for (size_t axis = 0; axis + 1 < shape.size(); ++axis) rows *= shape[axis];
  return rows;
}

TensorStream renamed(std::string name, WeightRows weight, RowOrder order, int64_t head_dim) {
  TensorStream stream;
  stream.name = std::move(name);
  stream.shape = shape_of(weight.values());
  stream.inputs = {weight.values()};
  const bool vector = weight.values().rank() < 2;
  const int64_t ordered = vector ? weight.cols() : weight.rows();
  if (order != RowOrder::Same && (head_dim <= 0 || head_dim % 2 != 0 || ordered % head_dim != 0)) {
    fail(Exit::kBadModel, "{}: tensor '{}' is {}, expected whole heads of {} rows", weight.file(), weight.name(),
         weight.values().shape_text(), head_dim);
  }
  if (order != RowOrder::Same && vector) {
    stream.fill = [=](int64_t, int64_t, float* out) {
      std::vector<float> stored(static_cast<size_t>(weight.cols()));
      weight.read(0, stored.data());
      for (int64_t i = 0; i < weight.cols(); ++i) out[i] = stored[static_cast<size_t>(stored_row(i, order, head_dim))];
    };
    return stream;
  }
  stream.fill = [=](int64_t begin, int64_t end, float* out) {
    for (int64_t row = begin; row < end; ++row)
      weight.read(stored_row(row, order, head_dim), out + (row - begin) * weight.cols());
  };
  return stream;
}

TensorStream stacked(std::string name, std::vector<WeightRows> experts) {
  TensorStream stream;
  const WeightRows& first = experts.front();
  const int64_t rows = first.rows(), cols = first.cols();
  for (const WeightRows& expert : experts) {
    if (expert.rows() != rows || expert.cols() != cols || expert.values().rank() != 2) {
      fail(Exit::kBadModel, "{}: tensor '{}' is {}, expected {} like '{}'", expert.file(), expert.name(),
           expert.values().shape_text(), first.values().shape_text(), first.name());
    }
    stream.inputs.push_back(expert.values());
  }
  stream.name = std::move(name);
  stream.shape = {static_cast<int64_t>(experts.size()), rows, cols};
  stream.fill = [rows, cols, experts = std::move(experts)](int64_t begin, int64_t end, float* out) {
    for (int64_t row = begin; row < end; ++row)
      experts[static_cast<size_t>(row / rows)].read(row % rows, out + (row - begin) * cols);
  };
  return stream;
}

TensorStream k_b_of(std::string name, WeightRows kv_b, const KvBShape& shape) {
  check_widths(shape, kv_b);
  check_kv_b(kv_b, shape.heads * (shape.nope + shape.value), shape.lora,
             "heads times nope and value widths, kv_lora_rank");
  TensorStream stream;
  stream.name = std::move(name);
  stream.shape = {shape.heads, shape.lora, shape.nope};
  stream.inputs = {kv_b.values()};
  stream.fill = [=](int64_t begin, int64_t end, float* out) {
    std::vector<float> block(static_cast<size_t>(shape.nope * shape.lora));  // one head, not yet transposed
    int64_t in_block = -1;
    for (int64_t row = begin; row < end; ++row) {
      const int64_t head = row / shape.lora, latent = row % shape.lora;
      if (head != in_block) {
        const int64_t first = head * (shape.nope + shape.value);
        for (int64_t i = 0; i < shape.nope; ++i) kv_b.read(first + i, block.data() + i * shape.lora);
        in_block = head;
      }
      for (int64_t i = 0; i < shape.nope; ++i) *out++ = block[static_cast<size_t>(i * shape.lora + latent)];
    }
  };
  return stream;
}

TensorStream v_b_of(std::string name, WeightRows kv_b, const KvBShape& shape) {
  check_widths(shape, kv_b);
  check_kv_b(kv_b, shape.heads * (shape.nope + shape.value), shape.lora,
             "heads times nope and value widths, kv_lora_rank");
  TensorStream stream;
  stream.name = std::move(name);
  stream.shape = {shape.heads, shape.value, shape.lora};
  stream.inputs = {kv_b.values()};
  stream.fill = [=](int64_t begin, int64_t end, float* out) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t head = row / shape.value;
      kv_b.read(head * (shape.nope + shape.value) + shape.nope + row % shape.value, out + (row - begin) * shape.lora);
    }
  };
  return stream;
}

TensorStream joined_kv_b(std::string name, WeightRows k_b, WeightRows v_b, const KvBShape& shape) {
  check_widths(shape, k_b);
  check_kv_b(k_b, shape.heads * shape.lora, shape.nope, "heads times kv_lora_rank, nope width");
  check_kv_b(v_b, shape.heads * shape.value, shape.lora, "heads times value width, kv_lora_rank");
  TensorStream stream;
  stream.name = std::move(name);
  stream.shape = {shape.heads * (shape.nope + shape.value), shape.lora};
  stream.inputs = {k_b.values(), v_b.values()};
  stream.fill = [=](int64_t begin, int64_t end, float* out) {
    std::vector<float> block(static_cast<size_t>(shape.nope * shape.lora));  // one head of k_b
    int64_t in_block = -1;
    for (int64_t row = begin; row < end; ++row, out += shape.lora) {
      const int64_t head = row / (shape.nope + shape.value), within = row % (shape.nope + shape.value);
      if (within >= shape.nope) {
        v_b.read(head * shape.value + within - shape.nope, out);
        continue;
      }
      if (head != in_block) {
        for (int64_t i = 0; i < shape.lora; ++i) k_b.read(head * shape.lora + i, block.data() + i * shape.nope);
        in_block = head;
      }
      for (int64_t i = 0; i < shape.lora; ++i) out[i] = block[static_cast<size_t>(i * shape.nope + within)];
    }
  };
  return stream;
}

TensorStream constant(std::string name, std::vector<float> values) {
  TensorStream stream;
  stream.name = std::move(name);
  stream.shape = {static_cast<int64_t>(values.size())};
  stream.fill = [values = std::move(values)](int64_t, int64_t, float* out) {
    std::copy(values.begin(), values.end(), out);
  };
  return stream;
}

void StreamEncoder::run(const TensorStream& stream, const std::function<void(std::span<const std::byte>)>& write) {
  const int64_t rows = stream.rows(), step = std::max<int64_t>(1, kPieceElements / std::max<int64_t>(1, stream.cols()));
  for (int64_t begin = 0; begin < rows; begin += step) {
    const int64_t end = std::min(rows, begin + step);
    encode_rows(stream, begin, end);
    write(bytes_);
    done_ += bytes_.size();
    if (options_.progress) options_.progress(done_, total_);
  }
  for (const Tensor& input : stream.inputs) source_.forget(input);
}

void StreamEncoder::encode_rows(const TensorStream& stream, int64_t begin, int64_t end) {
  const int64_t cols = stream.cols(), row_size = row_bytes(stream.dtype, cols);
  floats_.resize(static_cast<size_t>((end - begin) * cols));
  bytes_.resize(static_cast<size_t>((end - begin) * row_size));
  std::atomic<bool> overflow = false, no_memory = false;
  const auto part = [&](int64_t from, int64_t to) {
    float* rows = floats_.data() + from * cols;
    stream.fill(begin + from, begin + to, rows);
    encode(stream.dtype, rows, bytes_.data() + from * row_size, (to - from) * cols);
    if (stream.dtype != DType::F16) return;
    for (int64_t i = 0; i < (to - from) * cols; ++i) {
      if (std::isfinite(rows[i]) && std::fabs(rows[i]) >= 65520.0f) overflow = true;
    }
  };
  const auto body = [&](int64_t from, int64_t to) {  // nothing may fly out of a pool's thread
    try {
      part(from, to);
    } catch (const std::bad_alloc&) {
      no_memory = true;
    }
  };
  if (options_.pool != nullptr) {
    options_.pool->parallel_for(end - begin, body);
  } else {
    body(0, end - begin);
  }
  if (no_memory) throw std::bad_alloc();
  if (overflow) {
    throw Error(fmt::format("{}: tensor '{}' has numbers beyond the range of F16", source_.path(), stream.name),
                Exit::kBadModel, "choose bf16 or f32");
  }
}

void sort_by_layer(std::vector<std::string>* hub_names) {
  std::sort(hub_names->begin(), hub_names->end(), [](const std::string& a, const std::string& b) {
    const auto in_a = split_layer(a, kHubLayer), in_b = split_layer(b, kHubLayer);
    const int64_t layer_a = in_a ? in_a->layer : -1, layer_b = in_b ? in_b->layer : -1;
    return layer_a != layer_b ? layer_a < layer_b : a < b;
  });
}

}  // namespace r1
