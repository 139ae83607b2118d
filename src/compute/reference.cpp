#include "compute/reference.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "compute/aligned_memory.h"

namespace r1 {
namespace {

float dot(const float* a, const float* b, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(a[i]) * b[i];
  return static_cast<float>(sum);
}

void project(const Projection& p) {
  std::vector<float> weight(static_cast<size_t>(p.weight->cols));
  for (int64_t row = 0; row < p.weight->rows; ++row) {
    decode_row(*p.weight, row, weight.data());
    const float bias = p.bias.empty() ? 0.0f : p.bias.f32()[row];
    for (int64_t i = 0; i < p.x.rows(); ++i) p.y.f32(i)[row] = dot(p.x.f32(i), weight.data(), p.weight->cols) + bias;
  }
}

}  // namespace

void* ReferenceBackend::allocate(size_t bytes) { return allocate_memory(bytes); }
void ReferenceBackend::release(void* memory, size_t bytes) noexcept { release_memory(memory, bytes); }

void ReferenceBackend::embed(Tensor y, const Weight& table, std::span<const int32_t> ids) {
  for (size_t i = 0; i < ids.size(); ++i) decode_row(table, ids[i], y.f32(static_cast<int64_t>(i)));
}

void ReferenceBackend::rms_norm(Tensor y, Tensor x, Tensor gain, float eps) {
  const int64_t cols = x.cols();
  const float* g = gain.f32();
  for (int64_t r = 0; r < x.rows(); ++r) {
    const float* in = x.f32(r);
    float* out = y.f32(r);
    double squares = 0;
    for (int64_t c = 0; c < cols; ++c) squares += static_cast<double>(in[c]) * in[c];
    const double scale = 1 / std::sqrt(squares / static_cast<double>(cols) + eps);
    for (int64_t c = 0; c < cols; ++c) out[c] = static_cast<float>(in[c] * scale * g[c]);
  }
}

void ReferenceBackend::add(Tensor y, Tensor a, Tensor b) {
  for (int64_t r = 0; r < y.rows(); ++r) {
    for (int64_t c = 0; c < y.cols(); ++c) y.f32(r)[c] = a.f32(r)[c] + b.f32(r)[c];
  }
}

void ReferenceBackend::silu_mul(Tensor y, Tensor gate, Tensor up) {
  for (int64_t r = 0; r < y.rows(); ++r) {
    for (int64_t c = 0; c < y.cols(); ++c) {
      const double z = gate.f32(r)[c];
      y.f32(r)[c] = static_cast<float>(z / (1 + std::exp(-z)) * up.f32(r)[c]);
    }
  }
}

void ReferenceBackend::rope(Tensor x, std::span<const int32_t> positions, Tensor cos_sin, int heads, int head_dim,
                            int offset, int width, RopePairing pairing) {
  const int half = width / 2;
  const bool interleaved = pairing == RopePairing::Interleaved;
  for (int64_t r = 0; r < x.rows(); ++r) {
    const float* cosines = cos_sin.f32(positions[static_cast<size_t>(r)]);
    const float* sines = cosines + half;
    for (int head = 0; head < heads; ++head) {
      float* columns = x.f32(r) + static_cast<int64_t>(head) * head_dim + offset;
      for (int i = 0; i < half; ++i) {
        float& u = columns[interleaved ? 2 * i : i];
        float& w = columns[interleaved ? 2 * i + 1 : i + half];
        const double a = u, b = w;
        u = static_cast<float>(a * cosines[i] - b * sines[i]);
        w = static_cast<float>(a * sines[i] + b * cosines[i]);
      }
    }
  }
}

void ReferenceBackend::gather_rows(Tensor y, Tensor x, std::span<const int32_t> index) {
  for (size_t i = 0; i < index.size(); ++i) {
    std::memcpy(y.row(static_cast<int64_t>(i)), x.row(index[i]), static_cast<size_t>(row_bytes(x.dtype(), x.cols())));
  }
}

void ReferenceBackend::combine_rows(Tensor y, Tensor x, std::span<const int32_t> index, std::span<const float> weights,
                                    int per_row) {
  for (int64_t i = 0; i < y.rows(); ++i) {
    for (int64_t c = 0; c < y.cols(); ++c) {
      double sum = 0;
      for (int j = 0; j < per_row; ++j) {
        const auto k = static_cast<size_t>(i * per_row + j);
        sum += static_cast<double>(weights[k]) * x.f32(index[k])[c];
      }
      y.f32(i)[c] = static_cast<float>(y.f32(i)[c] + sum);
    }
  }
}

void ReferenceBackend::linear(std::span<const Projection> projections, Precision) {
  for (const Projection& projection : projections) project(projection);
}

}  // namespace r1
