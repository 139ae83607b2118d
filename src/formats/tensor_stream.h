// One tensor of a conversion, made row by row: where its float32 rows come from, and the type and shape it is written
// in.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "formats/convert.h"
#include "formats/weight_rows.h"

namespace r1 {

struct TensorStream {
  std::string name;  // in the output
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
  // Writes rows [begin, end) of the output, one after another. Called from several threads for distinct rows; throws
  // nothing but std::bad_alloc.
  std::function<void(int64_t begin, int64_t end, float* rows)> fill;
  std::vector<Tensor> inputs;  // not needed any more once this is written

  int64_t rows() const;
  int64_t cols() const { return shape.back(); }
  uint64_t bytes() const { return static_cast<uint64_t>(rows() * row_bytes(dtype, cols())); }
};

// How q and k rows pair within a head, from one world to the other (formats.md 4.2).
enum class RowOrder { Same, HalvesToInterleaved, InterleavedToHalves };

// The stored rows under another name, or, for a vector, its numbers; within each head of `head_dim` rows reordered.
TensorStream renamed(std::string name, WeightRows weight, RowOrder order = RowOrder::Same, int64_t head_dim = 1);

// [experts, out, in] from matrices of one shape. Throws Error(kBadModel) where they differ.
TensorStream stacked(std::string name, std::vector<WeightRows> experts);

// kv_b_proj [heads·(nope + value), lora] as k_b [heads, lora, nope] and v_b [heads, value, lora] (formats.md 4.3), and
// back.
struct KvBShape {
  int64_t heads, nope, value, lora;
};
TensorStream k_b_of(std::string name, WeightRows kv_b, const KvBShape& shape);
TensorStream v_b_of(std::string name, WeightRows kv_b, const KvBShape& shape);
TensorStream joined_kv_b(std::string name, WeightRows k_b, WeightRows v_b, const KvBShape& shape);

// Numbers that are made and not stored.
TensorStream constant(std::string name, std::vector<float> values);

// Encodes the streams one after another in pieces of bounded size and hands them to `write`; reports to
// options.progress. Throws Error(kBadModel) where a number does not fit F16.
class StreamEncoder {
 public:
  StreamEncoder(const WeightSource& source, const ConvertOptions& options, uint64_t total_bytes)
      : source_(source), options_(options), total_(total_bytes) {}
  void run(const TensorStream& stream, const std::function<void(std::span<const std::byte>)>& write);

 private:
  void encode_rows(const TensorStream& stream, int64_t begin, int64_t end);

  const WeightSource& source_;
  const ConvertOptions& options_;
  uint64_t total_, done_ = 0;
  std::vector<float> floats_;
  std::vector<std::byte> bytes_;
};

// "model.layers.10.x" after "model.layers.9.x": layers by number, everything else by name.
void sort_by_layer(std::vector<std::string>* hub_names);

}  // namespace r1
