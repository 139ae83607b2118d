#include "compute/cpu/attention_pages.h"

#include <cstring>

#include "compute/cpu/attention_kernels.h"
#include "tensor/quant.h"

namespace r1 {

static_assert(kPageKeys == kPagePositions);

namespace {

// Keys come in tiles of 16; inside one, number i (or pair i) of all 16 keys is one line.
constexpr int64_t kLineBytes = 64;

int64_t pairs(int64_t count) { return (count + 1) / 2; }

int64_t grouped_key_bytes(const KvShape& shape) {
  const int64_t lines = shape.dtype == DType::F32 ? shape.key_dim : pairs(shape.key_dim);
  return kPageKeys / kLanes * lines * kLineBytes;
}

int64_t grouped_value_bytes(const KvShape& shape) {
  return row_bytes(shape.dtype, kPageKeys * padded(shape.value_dim));
}

void put_bf16(std::byte* at, float value) {
  const uint16_t bits = f32_to_bf16(value);
  std::memcpy(at, &bits, sizeof bits);
}

void store_grouped_f32(const KvShape& shape, std::byte* page, int64_t slot, const float* key, const float* value) {
  std::byte* lane = page + slot / kLanes * shape.key_dim * kLineBytes + slot % kLanes * 4;
  for (int64_t i = 0; i < shape.key_dim; ++i) std::memcpy(lane + i * kLineBytes, key + i, sizeof(float));
  std::byte* row = page + grouped_key_bytes(shape) + slot * padded(shape.value_dim) * 4;
  std::memcpy(row, value, sizeof(float) * static_cast<size_t>(shape.value_dim));
}

void store_grouped_bf16(const KvShape& shape, std::byte* page, int64_t slot, const float* key, const float* value) {
  std::byte* lane = page + slot / kLanes * pairs(shape.key_dim) * kLineBytes + slot % kLanes * 4;
  for (int64_t i = 0; i < 2 * pairs(shape.key_dim); ++i) {  // an odd last number is paired with zero
    put_bf16(lane + i / 2 * kLineBytes + i % 2 * 2, i < shape.key_dim ? key[i] : 0.0f);
  }
  std::byte* half = page + grouped_key_bytes(shape) + slot / 2 * padded(shape.value_dim) * 4 + slot % 2 * 2;
  for (int64_t i = 0; i < shape.value_dim; ++i) put_bf16(half + i * 4, value[i]);
}

void store_absorbed(const KvShape& shape, std::byte* page, int64_t slot, const float* key) {
  std::byte* row = page + slot * row_bytes(shape.dtype, padded(shape.key_dim));
  if (shape.dtype == DType::F32) {
    std::memcpy(row, key, sizeof(float) * static_cast<size_t>(shape.key_dim));
    return;
  }
  for (int64_t i = 0; i < 2 * pairs(shape.key_dim); ++i) put_bf16(row + 2 * i, i < shape.key_dim ? key[i] : 0.0f);
}

}  // namespace

int64_t page_head_bytes(const KvShape& shape) {
  if (shape.value_in_key) return row_bytes(shape.dtype, kPageKeys * padded(shape.key_dim));
  return grouped_key_bytes(shape) + grouped_value_bytes(shape);
}

int64_t page_bytes(const KvShape& shape) { return shape.kv_heads * page_head_bytes(shape); }

void store_position(const KvShape& shape, std::byte* page_head, int64_t slot, const float* key, const float* value) {
  if (shape.value_in_key) return store_absorbed(shape, page_head, slot, key);
  if (shape.dtype == DType::F32) return store_grouped_f32(shape, page_head, slot, key, value);
  store_grouped_bf16(shape, page_head, slot, key, value);
}

}  // namespace r1
