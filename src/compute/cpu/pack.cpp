#include "compute/cpu/pack.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "compute/aligned_memory.h"
#include "compute/cpu/matmul_kernels.h"
#include "compute/cpu/tile_layout.h"
#include "tensor/quant.h"

namespace r1 {
namespace {

constexpr int kGroupColumns = 256;  // what one row contributes before the next row's turn

int64_t tiles_of(int64_t rows) { return (rows + kTileRows - 1) / kTileRows; }
int64_t scale_count(DType dtype, int64_t rows, int64_t cols) {
  return dtype == DType::F8_E4M3 ? scale_blocks(rows) * scale_blocks(cols) : 0;
}

// Bit 4g + b to 8b + g and back, g < 8, b < 4: the transpose of a matrix of 8 x 4 bits.
uint32_t spread_bits(uint32_t word) {
  uint32_t spread = 0;
  for (int b = 0; b < 4; ++b) {
    uint32_t x = (word >> b) & 0x11111111;  // bits 4g
    x = (x | x >> 3) & 0x03030303;
    x = (x | x >> 6) & 0x000f000f;
    x = (x | x >> 12) & 0x000000ff;
    spread |= x << 8 * b;
  }
  return spread;
}
uint32_t gather_bits(uint32_t spread) {
  uint32_t word = 0;
  for (int b = 0; b < 4; ++b) {
    uint32_t x = (spread >> 8 * b) & 0x000000ff;
    x = (x | x << 12) & 0x000f000f;
    x = (x | x << 6) & 0x03030303;
    x = (x | x << 3) & 0x11111111;
    word |= x << b;
  }
  return word;
}
uint32_t swap_middle(uint32_t word) {
  return (word & 0xff0000ff) | (word & 0x0000ff00) << 8 | (word & 0x00ff0000) >> 8;
}

struct Unit {
  std::byte *header, *body;
  int slot;  // of this unit in the header line
};

std::byte* field_of(const TileLayout& layout, const Unit& unit, int field, int row) {
  return unit.header + ((unit.slot * layout.fields + field) * kTileRows + row) * layout.field_bytes;
}

// One row's block into its lane of a unit. The layout is a constant of the caller, so that the loops unroll.
template <DType kType>
void scatter(const std::byte* source, const Unit& unit, int row) {
  constexpr TileLayout layout = tile_layout(kType);
  for (int f = 0; f < layout.fields; ++f) {
    std::memcpy(field_of(layout, unit, f, row), source + layout.field_at[f], layout.field_bytes);
  }
  std::byte* lane = unit.body + row * layout.word_bytes;
  for (int w = 0; w < layout.words; ++w) {
    uint32_t word = 0;
    std::memcpy(&word, source + layout.word_at[w], layout.word_bytes);
    if (layout.shuffle == Shuffle::MiddleBytes) word = swap_middle(word);
    if (layout.shuffle == Shuffle::FirstWordBits && w == 0) word = spread_bits(word);
    std::memcpy(lane + w * layout.word_bytes * kTileRows, &word, layout.word_bytes);
  }
}

// The way back, for any layout.
void gather(const TileLayout& layout, const Unit& unit, int row, std::byte* source) {
  for (int f = 0; f < layout.fields; ++f) {
    std::memcpy(source + layout.field_at[f], field_of(layout, unit, f, row), layout.field_bytes);
  }
  const std::byte* lane = unit.body + row * layout.word_bytes;
  for (int w = 0; w < layout.words; ++w) {
    uint32_t word = 0;
    std::memcpy(&word, lane + w * layout.word_bytes * kTileRows, layout.word_bytes);
    if (layout.shuffle == Shuffle::MiddleBytes) word = swap_middle(word);
    if (layout.shuffle == Shuffle::FirstWordBits && w == 0) word = gather_bits(word);
    std::memcpy(source + layout.word_at[w], &word, layout.word_bytes);
  }
}

Unit unit_of(const TileLayout& layout, std::byte* tile, int64_t u) {
  return {tile + layout.header_at(u), tile + layout.body_at(u), static_cast<int>(u % layout.share)};
}

// One tile: rows [first, first + count) of the stored matrix. The memory is zero: lanes without a row stay so.
template <DType kType>
void pack_tile(const Tensor& stored, int64_t first, int count, std::byte* tile) {
  constexpr TileLayout layout = tile_layout(kType);
  constexpr int64_t kGroup = kGroupColumns / layout.columns;
  const int64_t bytes = row_bytes(kType, stored.cols());
  const int64_t whole =
      bytes / layout.source_bytes;  // units without the ragged one at the end of a row of plain numbers
  for (int64_t begin = 0; begin < whole; begin += kGroup) {
    const int64_t end = std::min(whole, begin + kGroup);
    for (int row = 0; row < count; ++row) {
      const std::byte* source = stored.row(first + row);
      for (int64_t u = begin; u < end; ++u) {
        scatter<kType>(source + u * layout.source_bytes, unit_of(layout, tile, u), row);
      }
    }
  }
  const int64_t rest = bytes - whole * layout.source_bytes;
  for (int row = 0; rest > 0 && row < count; ++row) {
    std::byte ragged[layout.source_bytes] = {};
    std::memcpy(ragged, stored.row(first + row) + whole * layout.source_bytes, static_cast<size_t>(rest));
    scatter<kType>(ragged, unit_of(layout, tile, whole), row);
  }
}

using PackTile = void (*)(const Tensor& stored, int64_t first, int count, std::byte* tile);

PackTile pack_tile_of(DType dtype) {
  switch (dtype) {
#define R1_CASE(type) \
  case DType::type:   \
    return pack_tile<DType::type>;
    R1_CASE(F32)
    R1_CASE(F16)
    R1_CASE(BF16)
    R1_CASE(F8_E4M3)
    R1_CASE(Q8_0)
    R1_CASE(Q4_0)
    R1_CASE(Q4_1)
    R1_CASE(Q5_0)
    R1_CASE(Q5_1)
    R1_CASE(Q2_K)
    R1_CASE(Q3_K)
    R1_CASE(Q4_K)
    R1_CASE(Q5_K)
    R1_CASE(Q6_K)
    R1_CASE(IQ4_NL)
    R1_CASE(IQ4_XS)
    R1_CASE(MXFP4)
#undef R1_CASE
    case DType::I32:
      break;
  }
  R1_CHECK(false, "weights of dtype {}", name(dtype));
  return nullptr;
}

}  // namespace

size_t packed_weight_bytes(DType dtype, int64_t rows, int64_t cols) {
  const int64_t tiles = tiles_of(rows) * tile_layout(dtype).tile_bytes(cols);
  return static_cast<size_t>(tiles + scale_count(dtype, rows, cols) * int64_t{sizeof(float)});
}

Weight pack_weight(const Weight& stored, ThreadPool& pool) {
  R1_CHECK(stored.values.rows() == stored.rows && stored.values.cols() == stored.cols, "{} values for [{}, {}]",
           stored.values.shape_text(), stored.rows, stored.cols);
  const PackTile pack_tile = pack_tile_of(stored.dtype);
  const int64_t tile_bytes = tile_layout(stored.dtype).tile_bytes(stored.cols);
  const size_t bytes = packed_weight_bytes(stored.dtype, stored.rows, stored.cols);
  auto* memory = static_cast<std::byte*>(allocate_memory(bytes));
  Weight packed{stored.dtype, stored.rows, stored.cols, {}, {}, nullptr};
  packed.packed = std::shared_ptr<const void>(memory, [memory, bytes](const void*) { release_memory(memory, bytes); });

  pool.parallel_for(tiles_of(stored.rows), [&](int64_t begin, int64_t end) {
    for (int64_t tile = begin; tile < end; ++tile) {
      const int64_t first = tile * kTileRows;
      pack_tile(stored.values, first, static_cast<int>(std::min<int64_t>(kTileRows, stored.rows - first)),
                memory + tile * tile_bytes);
    }
  });
  if (const int64_t scales = scale_count(stored.dtype, stored.rows, stored.cols); scales > 0) {
    R1_CHECK(stored.scales.elements() == scales && stored.scales.dense(), "scales {}", stored.scales.shape_text());
    std::byte* copy = memory + tiles_of(stored.rows) * tile_bytes;
    std::memcpy(copy, stored.scales.data(), static_cast<size_t>(scales) * sizeof(float));
    packed.scales = Tensor(copy, DType::F32, {scale_blocks(stored.rows), scale_blocks(stored.cols)});
  }
  return packed;
}

void unpack_row(const Weight& weight, int64_t row, float* values) {
  const TileLayout layout = tile_layout(weight.dtype);
  auto* tile = const_cast<std::byte*>(static_cast<const std::byte*>(weight.packed.get())) +
               row / kTileRows * layout.tile_bytes(weight.cols);
  std::byte source[256];
  float decoded[256];
  for (int64_t col = 0; col < weight.cols; col += layout.columns) {
    gather(layout, unit_of(layout, tile, col / layout.columns), static_cast<int>(row % kTileRows), source);
    const int64_t count = std::min<int64_t>(layout.columns, weight.cols - col);
    decode(weight.dtype, source, decoded, count);
    std::memcpy(values + col, decoded, static_cast<size_t>(count) * sizeof(float));
  }
  if (weight.dtype != DType::F8_E4M3) return;
  const float* scales = weight.scales.f32(row / kF8ScaleBlock);
  for (int64_t col = 0; col < weight.cols; ++col) values[col] *= scales[col / kF8ScaleBlock];
}

}  // namespace r1
