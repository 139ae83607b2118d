// Backend: one device's memory and kernels. The narrow waist of the house: ops/ above it know no device, kernels below
// know no model.
//
// Kernels are handed valid shapes by ops/ and throw nothing, but for one thing: what they keep for themselves grows
// with the calls, and where it cannot, that is an Error(kOutOfMemory). Within what reserve() was told they take no
// memory at all. Matrices of activations are F32, row-major, rows may be strided. The reference backend (reference.h)
// implements everything in plain loops with double sums: it is the specification that every other backend is judged by.
//
// The promise all backends keep (decisions.md 3): the numbers of a row depend on that row, its own keys and the weights
// alone: not on how many rows there are, on the order of rows, on the number of threads, or on how a sequence was cut
// into passes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "compute/weight.h"
#include "tensor/tensor.h"

namespace r1 {

// How matrix products round. Exact: float32 throughout (weights decoded to f32). Fast: a backend may round activations
// (int8, bf16).
enum class Precision : uint8_t { Exact, Fast };

// y = x wᵀ + bias for one matrix. x is F32 [n, w.cols], y is F32 [n, w.rows], bias F32 [w.rows] or empty. y must not
// overlap x.
struct Projection {
  Tensor y;
  const Weight* weight = nullptr;
  Tensor x;
  Tensor bias;
};

enum class RopePairing : uint8_t { Half, Interleaved };  // element i with i + n/2, or 2i with 2i + 1 (model.md 3.3)

// Positions per page of the KV cache; fixed (decisions.md 3).
inline constexpr int kPagePositions = 64;
constexpr int64_t pages_for(int64_t positions) { return (positions + kPagePositions - 1) / kPagePositions; }

// What one layer keeps per position. Value inside key (MLA absorbed): the value is the first value_dim numbers of the
// key.
struct KvShape {
  int kv_heads = 0, key_dim = 0, value_dim = 0;
  bool value_in_key = false;
  DType dtype = DType::F32;  // F32 (exact) or BF16
};

// The rows of one sequence in a pass: rows [row, row + rows) stand at positions [position, position + rows).
// blocks[p] is the memory of page p (positions 64p … 64p + 63) of the layer at hand, kv_block_bytes() each.
struct SequenceRows {
  int64_t row = 0, rows = 0, position = 0;
  std::span<std::byte* const> blocks;
};

struct AttentionShape {
  int heads = 0;
  KvShape kv;
  float scale = 0;  // on the scores
};

// Which experts a row goes to (model.md 3.8).
struct RouterRule {
  enum class Scores : uint8_t { Sigmoid, Softmax } scores = Scores::Softmax;
  // How groups are judged: by their best expert (V2) or the sum of their two best (V3).
  enum class Groups : uint8_t { None, Best, TwoBest } groups = Groups::None;
  int experts = 0, chosen = 0;
  int group_count = 1, groups_kept = 1;
  bool normalise = false;  // divide the chosen weights by their sum (+ 1e-20 for sigmoid)
  float factor = 1;
};

// What kernels keep for themselves from call to call, beside the memory they are handed.
struct ScratchBytes {
  size_t linear = 0, attention = 0;
  size_t total() const { return linear + attention; }
};

class Backend {
 public:
  virtual ~Backend() = default;

  virtual std::string name() const = 0;        // "reference", "cpu"
  virtual std::string kernel_set() const = 0;  // decisions.md 12: "reference", "generic", "avx2", "avx512", …
  virtual int threads() const = 0;

  // ---- memory ----
  // Zeroed, 64-byte aligned (large blocks: 2 MB aligned, huge pages where they can be had). The host may read and write
  // it at any time between two calls of kernels: weights are decoded into it, positions and routes are told in it,
  // logits are read from it. The system may back its pages no sooner than they are touched (touch_pages in
  // aligned_memory.h). Throws Error(kOutOfMemory).
  virtual void* allocate(size_t bytes) = 0;
  virtual void release(void* memory, size_t bytes) noexcept = 0;

  // What linear() will need for such a call, or less, whatever the types of the weights and where the x lie; and
  // attention() for calls of up to so many rows of sequences of up to so many positions. For plans, and for reserve().
  // A backend that forgets everything from call to call leaves all three as they are.
  virtual size_t linear_scratch_bytes(std::span<const Projection>, Precision) const { return 0; }
  virtual size_t attention_scratch_bytes(const AttentionShape&, int64_t rows, int64_t positions) const { return 0; }
  // Takes that much, touched. Throws Error(kOutOfMemory).
  virtual void reserve(const ScratchBytes&) {}

  // Lays a stored matrix out for this backend. `stored.values` may be forgotten afterwards if the result's `values` is
  // empty.
  virtual Weight pack(Weight stored) = 0;
  // What pack() will occupy, for plans.
  virtual size_t packed_bytes(DType dtype, int64_t rows, int64_t cols) const = 0;

  // ---- rows ----
  // y[i] = row ids[i] of the table, decoded. ids valid.
  virtual void embed(Tensor y, const Weight& table, std::span<const int32_t> ids) = 0;
  // y = x * gain / sqrt(mean(x²) + eps), row by row; y may be x.
  virtual void rms_norm(Tensor y, Tensor x, Tensor gain, float eps) = 0;
  // y = a + b; y may be a or b.
  virtual void add(Tensor y, Tensor a, Tensor b) = 0;
  // y = silu(gate) * up; y may be either.
  virtual void silu_mul(Tensor y, Tensor gate, Tensor up) = 0;
  // Rotates, in place, columns [first, first + 2 * cols(cos_sin)/2 …): for every row i and head h of `head_dim` columns
  // the `width` columns from `offset` on. cos_sin is F32 [positions, width]: width/2 cosines, then width/2 sines of
  // that position (scaled by the cos/sin factor); row i uses cos_sin row positions[i].
  virtual void rope(Tensor x, std::span<const int32_t> positions, Tensor cos_sin, int heads, int head_dim, int offset,
                    int width, RopePairing pairing) = 0;
  // y[i] = x[index[i]].
  virtual void gather_rows(Tensor y, Tensor x, std::span<const int32_t> index) = 0;
  // y[i] += sum over j < per_row, in order, of weights[i * per_row + j] * x[index[i * per_row + j]].
  virtual void combine_rows(Tensor y, Tensor x, std::span<const int32_t> index, std::span<const float> weights,
                            int per_row) = 0;

  // ---- products ----
  // Every projection; they are independent of one another and may share x. Row results do not depend on the other rows.
  virtual void linear(std::span<const Projection> projections, Precision precision) = 0;

  // ---- experts ----
  // logits F32 [n, experts]; bias F32 [experts] or empty, added for the choice only. Writes for every row `chosen`
  // experts in ascending index and their final weights. Ties go to the lower index.
  virtual void route(Tensor logits, Tensor bias, const RouterRule& rule, std::span<int32_t> experts,
                     std::span<float> weights) = 0;

  // ---- attention ----
  virtual size_t kv_block_bytes(const KvShape& shape) const = 0;  // one page of one layer
  // Writes the rows' keys [n, kv_heads * key_dim] and values [n, kv_heads * value_dim] (empty if value_in_key) into
  // their pages.
  virtual void store_kv(const KvShape& shape, Tensor keys, Tensor values, std::span<const SequenceRows> sequences) = 0;
  // out [n, heads * value_dim] = softmax(scale * q keysᵀ) values over positions 0 … own position; q [n, heads *
  // key_dim]. Query head h reads kv head h / (heads / kv_heads). Keys are walked in order of position, page by page;
  // work may be split over positions only at multiples of 1,024, the parts merged in order. Rows were stored before.
  virtual void attention(Tensor out, Tensor q, const AttentionShape& shape,
                         std::span<const SequenceRows> sequences) = 0;
};

// "cpu" (threads 0: all physical cores), "reference", "cuda" (device 0) or "cuda:N", where the program was built with
// it and there is such a device. R1_ISA=reference makes "cpu" the reference backend; R1_ISA=avx2 and the like force a
// kernel set. Throws Error(kUsage) for an unknown name or a set that this machine cannot run.
std::unique_ptr<Backend> open_backend(std::string_view name, int threads = 0);

// Names of the kernel sets this machine can run, slowest first ("reference", "generic", "avx2", …).
std::span<const std::string> kernel_sets();

}  // namespace r1
