// WeightBinder: the tensors of a model asked for by the hub's names and shapes; checks them, decodes what must be
// decoded, hands the rest to the backend as it is stored.
//
// Binding runs through the same code three times over: for shapes alone (no source: to plan activations), to check and
// to measure (nothing is read but headers), and to load. So a plan cannot differ from what is loaded, and a broken
// model fails before the first gigabyte was read.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/thread_pool.h"
#include "compute/backend.h"
#include "compute/weight.h"
#include "models/config.h"
#include "ops/linear.h"
#include "ops/norm.h"
#include "tensor/tensor.h"

namespace r1 {

class WeightSource;
struct StoredTensor;

// Memory that a model owns beside what the backend has packed. Freed with the model.
class ModelMemory {
 public:
  explicit ModelMemory(Backend& backend) : backend_(&backend) {}
  ~ModelMemory();
  ModelMemory(const ModelMemory&) = delete;
  ModelMemory& operator=(const ModelMemory&) = delete;

  void* take(size_t bytes);
  void give_back_last();
  size_t bytes() const { return bytes_; }

 private:
  struct Block {
    void* data;
    size_t size;
  };
  Backend* backend_;
  std::vector<Block> blocks_;
  size_t bytes_ = 0;
};

class WeightBinder {
 public:
  using Progress = std::function<void(uint64_t done, uint64_t total)>;

  static WeightBinder shapes();
  static WeightBinder check(const WeightSource& source, const Backend& backend);
  // `total`: stored_bytes() of a binder that checked the same model. Bound weights may point into the source and into
  // `memory`.
  static WeightBinder load(const WeightSource& source, Backend& backend, ModelMemory& memory, uint64_t total,
                           Progress progress);

  // "{name}.weight" [out, in] and, if `biased`, "{name}.bias" [out]. All of these throw Error(kBadModel) where the
  // source has no such tensor or has it in another shape.
  Linear linear(const std::string& name, int64_t out, int64_t in, bool biased = false);
  // The same decoded to F32, for products that must not round.
  Linear exact_linear(const std::string& name, int64_t out, int64_t in);
  // A matrix left where it is stored: for tables, of which a pass reads a few rows.
  Weight table(const std::string& name, int64_t rows, int64_t cols);
  RmsNorm norm(const std::string& name, int64_t width, float eps);
  Tensor vector(const std::string& full_name, int64_t width);  // F32, owned by the model

  // Pieces, for matrices that are cut up: first the stored whole ("{name}.weight", [rows, cols] or [heads, rows,
  // cols]), then parts.
  Weight stored(const std::string& name, int64_t rows, int64_t cols);
  Weight stored_heads(const std::string& name, int64_t heads, int64_t rows, int64_t cols);
  // Rows [begin, end), as stored; F8_E4M3 whose scale blocks the cut would split is decoded to `decoded` (F32 or BF16).
  Linear rows(const Weight& whole, int64_t begin, int64_t end, DType decoded);
  // Heads of `height` rows, `stride` rows apart, each transposed, one below the other: [heads * cols, height], decoded.
  Linear transposed(const Weight& whole, int64_t begin, int64_t height, int64_t stride, int64_t heads, DType decoded);
  void done_with(const Weight& whole);  // its stored bytes will not be read again

  bool checks() const { return mode_ != Mode::Shapes; }  // there is a source
  std::string path() const;                              // of the source, for messages
  bool has(const std::string& full_name) const;
  void skip(const std::string& full_name);  // a tensor that may be there and is not needed
  // Throws Error(kBadModel) for a tensor that nobody asked for; says in the log what was left out on purpose.
  void finish(const ModelConfig& config) const;

  uint64_t stored_bytes() const { return stored_bytes_; }  // asked for so far
  size_t packed_bytes() const { return packed_bytes_; }    // what they take in memory

 private:
  enum class Mode : uint8_t { Shapes, Check, Load };
  explicit WeightBinder(Mode mode) : mode_(mode) {}

  StoredTensor find(const std::string& full_name, const std::vector<int64_t>& shape);
  Tensor find_scales(const std::string& full_name, const StoredTensor& codes, int64_t rows, int64_t cols);
  Weight as_weight(const StoredTensor& tensor, const std::string& full_name, int64_t rows, int64_t cols);
  Weight pack(const Weight& stored);
  Weight pack_decoded(int64_t rows, int64_t cols, DType dtype,
                      FunctionRef<void(int64_t row, float* values)> decode_row);
  void read(uint64_t bytes);

  Mode mode_;
  const WeightSource* source_ = nullptr;
  const Backend* measured_ = nullptr;
  Backend* backend_ = nullptr;
  ModelMemory* memory_ = nullptr;
  Progress progress_;
  uint64_t total_ = 0, stored_bytes_ = 0;
  size_t packed_bytes_ = 0;
  std::unordered_set<std::string> used_;
};

}  // namespace r1
