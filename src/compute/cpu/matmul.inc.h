// Matrix products of packed weights, on 16 lanes. Included by each isa_<set>.cpp after its simd_<set>.h. Long: three
// arithmetics (int8, bf16, f32), each for few tokens and for many.
//
// A lane is one output row, a register tile is R tiles of weights by M tokens. A number of y is one chain whatever R,
// M, the number of tokens or of threads: blocks of 32 columns are summed from zero each and added to the total in order
// of column. Few tokens (up to M of the set): weights go from memory through registers once ("direct"). More: 512
// columns of R tiles are expanded into scratch that stays in cache, in the bytes or floats that the direct kernel would
// have in registers, and all panels of tokens walk over them. So both give the same bits.
#include "compute/cpu/panels.inc.h"
#include "compute/cpu/tile_layout.h"
#include "compute/cpu/units.inc.h"

#include "compute/cpu/peak.inc.h"

namespace r1 {
namespace {

// Columns expanded at a time: whole units of every type, and whole groups that share a header.
constexpr int kChunk = 512, kChunkBlocks = kChunk / kBlock;

template <int R, int M>
using Totals = Floats[R][M];

// ---- int8: sums of bytes, scaled per block ----

// total += the block's dot products: scale * sums - low * (sum of quants), times the token's scale.
template <class W, int R, int M>
R1_INLINE void add_block_int8(const W (&w)[R], int b, const std::byte* x, Totals<R, M>& total) {
  const std::byte *minus_sums = x + 32 * M, *minus_first = x + 36 * M, *scales = x + 40 * M;
  Floats part[R][M] = {};
  R1_UNROLL
  for (int half = 0; half < W::kScales; ++half) {
    Ints sums[R][M], minus[M];
    R1_UNROLL
    for (int m = 0; m < M; ++m) {
      const Ints all = splat_word(minus_sums + 4 * m);
      if (W::kScales == 1) {
        minus[m] = all;
      } else {
        const Ints first = splat_word(minus_first + 4 * m);
        minus[m] = half == 0 ? first : all - first;
      }
      R1_UNROLL
      for (int r = 0; r < R; ++r)
        sums[r][m] = W::kOffset == 0 ? splat_int(0) : shift_left(minus[m], __builtin_ctz(W::kOffset | 256));
    }
    R1_UNROLL
    for (int i = 0; i < 8 / W::kScales; ++i) {
      const int g = half * 4 + i;
      Ints line[R];
      R1_UNROLL
      for (int r = 0; r < R; ++r) line[r] = w[r].line(b, g);
      R1_UNROLL
      for (int m = 0; m < M; ++m) {
        const Ints quants = splat_word(x + 4 * (g * M + m));
        R1_UNROLL
        for (int r = 0; r < R; ++r)
          sums[r][m] = W::kSmall ? dot4_small(sums[r][m], line[r], quants) : dot4(sums[r][m], line[r], quants);
      }
    }
    R1_UNROLL
    for (int r = 0; r < R; ++r) {
      const Floats scale = w[r].scale(b, half);
      R1_UNROLL
      for (int m = 0; m < M; ++m) {
        const Floats value = to_floats(sums[r][m]);
        part[r][m] = half == 0 ? value * scale : fma(value, scale, part[r][m]);
      }
      if (W::kLow) {
        const Floats low = w[r].low(b, half);
        R1_UNROLL
        for (int m = 0; m < M; ++m) part[r][m] = fma(low, to_floats(minus[m]), part[r][m]);
      }
    }
  }
  R1_UNROLL
  for (int m = 0; m < M; ++m) {
    const Floats scale = splat(float_at(scales + 4 * m));
    R1_UNROLL
    for (int r = 0; r < R; ++r) total[r][m] = fma(part[r][m], scale, total[r][m]);
  }
}

// A block of a unit in scratch: scales, lows, then eight lines.
template <class U>
struct ExpandedBlock {
  static constexpr int kScales = U::kScales, kOffset = U::kOffset;
  static constexpr bool kLow = U::kLow, kSmall = U::kSmall;
  static constexpr int kBytes = 64 * (8 + kScales + (kLow ? kScales : 0));
  const std::byte* at;

  R1_INLINE Floats scale(int, int half) const { return as_floats(line_at(at, half)); }
  R1_INLINE Floats low(int, int half) const { return as_floats(line_at(at, kScales + half)); }
  R1_INLINE Ints line(int, int g) const { return line_at(at, kBytes / 64 - 8 + g); }
};

// What the walk over panels sees of an int8 type: types alike in this share the code.
template <int kTheScales, bool kHasLow, int kTheOffset, bool kIsSmall>
struct Int8Form {
  static constexpr int kScales = kTheScales, kOffset = kTheOffset;
  static constexpr bool kLow = kHasLow, kSmall = kIsSmall;
  static constexpr PanelForm kPanel = PanelForm::Int8;
  using Block = ExpandedBlock<Int8Form>;
  static constexpr int64_t kExpandedBytes = Block::kBytes;  // per block and tile

  template <int R, int M>
  static R1_INLINE void panel(const std::byte* w, int64_t w_stride, const std::byte* x, int64_t blocks,
                              Totals<R, M>& total) {
    for (int64_t block = 0; block < blocks; ++block, x += 44 * M, w += kExpandedBytes) {
      Block tiles[R];
      for (int r = 0; r < R; ++r) tiles[r].at = w + r * w_stride;
      add_block_int8<Block, R, M>(tiles, 0, x, total);
    }
  }
};

template <DType kType>
struct Int8Arithmetic {
  using U = Unit<kType>;
  using Form = Int8Form<U::kScales, U::kLow, U::kOffset, U::kSmall>;
  static constexpr TileLayout kLayout = tile_layout(kType);
  static constexpr int kUnitBlocks = U::kColumns / kBlock;
  static constexpr bool kDirect = true;
  static_assert(U::kColumns == kLayout.columns && kChunk % (U::kColumns * kLayout.share) == 0);

  template <int M>
  static R1_INLINE void direct(const std::byte* tile, const TileProduct& p, int64_t, Totals<1, M>& total) {
    const std::byte* x = p.panels;
    const int64_t units = p.cols / U::kColumns;
    for (int64_t u = 0; u < units; u += kLayout.share) {
      const std::byte* header = tile;
      tile += 64;
      for (int slot = 0; slot < kLayout.share; ++slot) {
        if (u + slot >= units) break;
        U unit[1];
        unit[0].open(header, slot, tile);
        R1_ROLLED
        for (int b = 0; b < kUnitBlocks; ++b) {
          add_block_int8<U, 1, M>(unit, b, x, total);
          x += 44 * M;
        }
        tile += kLayout.body_bytes();
      }
    }
  }

  static void expand(const std::byte* tile, const TileProduct&, int64_t, int64_t first_block, int64_t blocks,
                     std::byte* out) {
    const int64_t first = first_block / kUnitBlocks, end = first + blocks / kUnitBlocks;
    for (int64_t u = first; u < end; ++u) {
      U unit;
      unit.open(tile + kLayout.header_at(u), static_cast<int>(u % kLayout.share), tile + kLayout.body_at(u));
      R1_ROLLED
      for (int b = 0; b < kUnitBlocks; ++b) {
        for (int half = 0; half < U::kScales; ++half, out += 64) store_ints(out, as_ints(unit.scale(b, half)));
        for (int half = 0; U::kLow && half < U::kScales; ++half, out += 64) store_ints(out, as_ints(unit.low(b, half)));
        R1_UNROLL
        for (int g = 0; g < 8; ++g, out += 64) store_ints(out, unit.line(b, g));
      }
    }
  }
};

// ---- f32: weights decoded to floats ----

// A block of plain numbers: column(k) of 16 rows.
template <DType kType>
struct Columns;

template <>
struct Columns<DType::F32> {
  const std::byte* at;
  R1_INLINE Floats column(int k) const { return as_floats(line_at(at, k)); }
};
template <>
struct Columns<DType::F16> {
  const std::byte* at;
  R1_INLINE Floats column(int k) const { return load_f16(at + 32 * k); }
};
template <>
struct Columns<DType::BF16> {
  const std::byte* at;
  R1_INLINE Floats column(int k) const {
    const Ints pair = line_at(at, k / 2);
    return as_floats(k % 2 == 0 ? shift_left(pair, 16) : pair & splat_int(static_cast<int32_t>(0xffff0000)));
  }
};
template <>
struct Columns<DType::F8_E4M3> {
  const std::byte* at;
  Floats scale;
  // Sign, exponent and fraction in place give the number times 2^-120; codes 0x7F and 0xFF are NaN.
  R1_INLINE Floats column(int k) const {
    const int byte = k % 4 == 1 ? 2 : k % 4 == 2 ? 1 : k % 4;  // tile_layout.h: MiddleBytes
    const Ints code = byte_of(line_at(at, k / 4), byte), magnitude = code & splat_int(0x7f);
    const Ints sign = shift_left(code & splat_int(0x80), 24),
               nan = equal(magnitude, splat_int(0x7f)) & splat_int(0x7fc00000);
    const Floats value = as_floats(shift_left(magnitude, 20) | sign) * splat(0x1p120f);
    return as_floats(as_ints(value) | nan) * scale;
  }
};

template <class W, int R, int M>
R1_INLINE void add_block_f32(const W (&w)[R], const std::byte* x, Totals<R, M>& total) {
  Floats sums[R][M] = {};
  R1_UNROLL
  for (int k = 0; k < kBlock; ++k) {
    Floats weights[R];
    R1_UNROLL
    for (int r = 0; r < R; ++r) weights[r] = w[r].column(k);
    R1_UNROLL
    for (int m = 0; m < M; ++m) {
      const Floats value = splat(float_at(x + 4 * (k * M + m)));
      R1_UNROLL
      for (int r = 0; r < R; ++r) sums[r][m] = k == 0 ? weights[r] * value : fma(weights[r], value, sums[r][m]);
    }
  }
  R1_UNROLL
  for (int m = 0; m < M; ++m) {
    R1_UNROLL
    for (int r = 0; r < R; ++r) total[r][m] = total[r][m] + sums[r][m];
  }
}

R1_INLINE const float* scale_of_block(const TileProduct& p, int64_t tile_row, int64_t block) {
  return p.scales + tile_row / 128 * p.scale_stride + block / 4;
}

template <DType kType>
R1_INLINE Columns<kType> columns_at(const std::byte* tile, const TileProduct& p, int64_t tile_row, int64_t block) {
  const std::byte* at = tile + block * tile_layout(kType).body_bytes();
  if constexpr (kType == DType::F8_E4M3) {
    return {at, splat(*scale_of_block(p, tile_row, block))};
  } else {
    return {at};
  }
}

constexpr bool is_plain(DType type) {
  return type == DType::F32 || type == DType::F16 || type == DType::BF16 || type == DType::F8_E4M3;
}

// Weights of any type that are floats by now.
struct F32Form {
  static constexpr PanelForm kPanel = PanelForm::F32;
  static constexpr int64_t kExpandedBytes = 64 * kBlock;

  template <int R, int M>
  static R1_INLINE void panel(const std::byte* w, int64_t w_stride, const std::byte* x, int64_t blocks,
                              Totals<R, M>& total) {
    for (int64_t block = 0; block < blocks; ++block, x += 128 * M, w += kExpandedBytes) {
      Columns<DType::F32> tiles[R];
      for (int r = 0; r < R; ++r) tiles[r].at = w + r * w_stride;
      add_block_f32<Columns<DType::F32>, R, M>(tiles, x, total);
    }
  }
};

template <DType kType, bool kPlain = is_plain(kType)>
struct F32Arithmetic {
  using Form = F32Form;
  static constexpr bool kDirect = true;

  template <int M>
  static R1_INLINE void direct(const std::byte* tile, const TileProduct& p, int64_t tile_row, Totals<1, M>& total) {
    const std::byte* x = p.panels;
    for (int64_t block = 0; block < blocks_of(p.cols); ++block, x += 128 * M) {
      const Columns<kType> columns[1] = {columns_at<kType>(tile, p, tile_row, block)};
      add_block_f32<Columns<kType>, 1, M>(columns, x, total);
    }
  }

  static void expand(const std::byte* tile, const TileProduct& p, int64_t tile_row, int64_t first, int64_t blocks,
                     std::byte* out) {
    for (int64_t block = first; block < first + blocks; ++block) {
      const Columns<kType> columns = columns_at<kType>(tile, p, tile_row, block);
      R1_UNROLL
      for (int k = 0; k < kBlock; ++k, out += 64) store_ints(out, as_ints(columns.column(k)));
    }
  }
};

// Quantised types: floats exactly as decode() gives them, in scratch, for any number of tokens.
template <DType kType>
struct F32Arithmetic<kType, false> {
  using U = Unit<kType>;
  static constexpr TileLayout kLayout = tile_layout(kType);
  using Form = F32Form;
  static constexpr int kUnitBlocks = U::kColumns / kBlock;
  static constexpr bool kDirect = false;

  // scale * byte is exact, so that one rounding is left where there is a minimum and none where there is an offset.
  static R1_INLINE void expand_line(Ints line, Floats scale, Floats less, std::byte* out) {
    R1_UNROLL
    for (int i = 0; i < 4; ++i) store_ints(out + 64 * i, as_ints(fma(to_floats(byte_of(line, i)), scale, less)));
  }

  static void expand(const std::byte* tile, const TileProduct&, int64_t, int64_t first_block, int64_t blocks,
                     std::byte* out) {
    constexpr bool kSigned = kSignedDot && !U::kSmall;
    constexpr float kOffset = kSigned ? 128 : U::kOffset;
    const int64_t first = first_block / kUnitBlocks, end = first + blocks / kUnitBlocks;
    for (int64_t u = first; u < end; ++u) {
      U unit;
      unit.open(tile + kLayout.header_at(u), static_cast<int>(u % kLayout.share), tile + kLayout.body_at(u));
      R1_ROLLED
      for (int b = 0; b < kUnitBlocks; ++b) {
        R1_UNROLL
        for (int g = 0; g < 8; ++g, out += 256) {
          const int half = U::kScales == 1 ? 0 : g / 4;
          const Floats scale = unit.scale(b, half),
                       less = U::kLow ? negate(unit.low(b, half)) : scale * splat(-kOffset);
          const Ints line = unit.line(b, g);
          expand_line(kSigned ? line ^ splat_int(static_cast<int32_t>(0x80808080)) : line, scale, less, out);
        }
      }
    }
  }
};

#ifdef R1_BF16_LAYER
// ---- bf16: pairs of columns, products summed in float32 by the instruction ----

// A block of 16 lines of pairs, and what its sum is multiplied with.
template <DType kType>
struct Pairs;

template <>
struct Pairs<DType::BF16> {
  const std::byte* at;
  R1_INLINE Ints line(int i) const { return line_at(at, i); }
  R1_INLINE Floats add(Floats sum, Floats total) const { return total + sum; }
};
template <>
struct Pairs<DType::F8_E4M3> {  // codes are exact in bf16; the scale belongs to 128 columns of the tile
  const std::byte* at;
  Floats scale;
  R1_INLINE Ints line(int i) const {
    const Ints codes = line_at(at, i / 2);
    return e4m3_to_bf16((i % 2 == 0 ? codes : shift_right(codes, 8)) & splat_int(0x00ff00ff));
  }
  R1_INLINE Floats add(Floats sum, Floats total) const { return fma(sum, scale, total); }
};
struct ExpandedPairs {  // F8 in scratch: a line of scales, then lines of pairs
  const std::byte* at;
  R1_INLINE Ints line(int i) const { return line_at(at, 1 + i); }
  R1_INLINE Floats add(Floats sum, Floats total) const { return fma(sum, as_floats(line_at(at, 0)), total); }
};

template <class W, int R, int M>
R1_INLINE void add_block_bf16(const W (&w)[R], const std::byte* x, Totals<R, M>& total) {
  Floats sums[R][M] = {};
  R1_UNROLL
  for (int i = 0; i < kBlock / 2; ++i) {
    Ints line[R];
    R1_UNROLL
    for (int r = 0; r < R; ++r) line[r] = w[r].line(i);
    R1_UNROLL
    for (int m = 0; m < M; ++m) {
      const Ints pair = splat_word(x + 4 * (i * M + m));
      R1_UNROLL
      for (int r = 0; r < R; ++r) sums[r][m] = dot2_bf16(i == 0 ? splat(0) : sums[r][m], line[r], pair);
    }
  }
  R1_UNROLL
  for (int m = 0; m < M; ++m) {
    R1_UNROLL
    for (int r = 0; r < R; ++r) total[r][m] = w[r].add(sums[r][m], total[r][m]);
  }
}

template <DType kType>
R1_INLINE Pairs<kType> pairs_at(const std::byte* tile, const TileProduct& p, int64_t tile_row, int64_t block) {
  const std::byte* at = tile + block * tile_layout(kType).body_bytes();
  if constexpr (kType == DType::F8_E4M3) {
    return {at, splat(*scale_of_block(p, tile_row, block))};
  } else {
    return {at};
  }
}

template <class Block, int kLines>
struct Bf16Form {
  static constexpr PanelForm kPanel = PanelForm::Bf16;
  static constexpr int64_t kExpandedBytes = 64 * kLines;

  template <int R, int M>
  static R1_INLINE void panel(const std::byte* w, int64_t w_stride, const std::byte* x, int64_t blocks,
                              Totals<R, M>& total) {
    for (int64_t block = 0; block < blocks; ++block, x += 64 * M, w += kExpandedBytes) {
      Block tiles[R];
      for (int r = 0; r < R; ++r) tiles[r].at = w + r * w_stride;
      add_block_bf16<Block, R, M>(tiles, x, total);
    }
  }
};

template <DType kType>
struct Bf16FormOf {
  using Type = Bf16Form<Pairs<kType>, 16>;
};
template <>
struct Bf16FormOf<DType::F8_E4M3> {
  using Type = Bf16Form<ExpandedPairs, 17>;
};

template <DType kType>
struct Bf16Arithmetic {
  static constexpr bool kIsF8 = kType == DType::F8_E4M3;
  using Form = typename Bf16FormOf<kType>::Type;
  static constexpr bool kDirect = true;

  template <int M>
  static R1_INLINE void direct(const std::byte* tile, const TileProduct& p, int64_t tile_row, Totals<1, M>& total) {
    const std::byte* x = p.panels;
    for (int64_t block = 0; block < blocks_of(p.cols); ++block, x += 64 * M) {
      const Pairs<kType> pairs[1] = {pairs_at<kType>(tile, p, tile_row, block)};
      add_block_bf16<Pairs<kType>, 1, M>(pairs, x, total);
    }
  }

  static void expand(const std::byte* tile, const TileProduct& p, int64_t tile_row, int64_t first, int64_t blocks,
                     std::byte* out) {
    for (int64_t block = first; block < first + blocks; ++block) {
      const Pairs<kType> pairs = pairs_at<kType>(tile, p, tile_row, block);
      if constexpr (kIsF8) {
        store_ints(out, as_ints(pairs.scale));
        out += 64;
      }
      R1_UNROLL
      for (int i = 0; i < 16; ++i, out += 64) store_ints(out, pairs.line(i));
    }
  }
};

#endif  // R1_BF16_LAYER

// ---- tiles by tokens ----

// The arithmetic's scratch in a thread's: totals of kTokenBlock tokens, then expanded tiles.
constexpr int64_t kTotalsBytes = int64_t{64} * kRegisterTiles * kTokenBlock;
constexpr int64_t kMostExpandedBytes = 64 * kBlock;  // per block and tile, of any arithmetic

template <int R, int M>
R1_INLINE void store_totals(const TileProduct& p, int64_t tile, int64_t token, const Totals<R, M>& total) {
  R1_UNROLL
  for (int r = 0; r < R; ++r) {
    const int64_t row = (tile + r) * kTileRows;
    const int count = static_cast<int>(p.rows - row < kTileRows ? p.rows - row : kTileRows);
    const Floats bias = p.bias == nullptr ? splat(0) : load(p.bias + row, count);
    R1_UNROLL
    for (int m = 0; m < M; ++m) {
      store(p.y + (token + m) * p.y_stride + row, p.bias == nullptr ? total[r][m] : total[r][m] + bias, count);
    }
  }
}

template <class A, int M>
void multiply_direct(const TileProduct& p) {
  for (int64_t tile = 0; tile * kTileRows < p.rows; ++tile) {
    Totals<1, M> total;
    R1_UNROLL
    for (int m = 0; m < M; ++m) total[0][m] = splat(0);
    A::template direct<M>(p.packed + tile * p.tile_bytes, p, p.first_row + tile * kTileRows, total);
    store_totals<1, M>(p, tile, 0, total);
  }
}

// One chunk of R expanded tiles (blocks [first, first + blocks) of the row) times one panel of M tokens.
struct ChunkStep {
  const std::byte* weights;
  int64_t tile, first, blocks, token;
  std::byte* totals;  // of these tokens
};

template <class Form, int R, int M>
void multiply_panel(const TileProduct& p, const ChunkStep& step) {
  const int64_t block_bytes = panel_block_bytes(Form::kPanel);
  const std::byte* x = p.panels + block_bytes * (step.token * blocks_of(p.cols) + step.first * M);
  Totals<R, M> total;
  R1_UNROLL
  for (int r = 0; r < R; ++r) {
    R1_UNROLL
    for (int m = 0; m < M; ++m) total[r][m] = step.first == 0 ? splat(0) : as_floats(line_at(step.totals, r * M + m));
  }
  Form::template panel<R, M>(step.weights, Form::kExpandedBytes * kChunkBlocks, x, step.blocks, total);
  if (step.first + step.blocks == blocks_of(p.cols)) return store_totals<R, M>(p, step.tile, step.token, total);
  R1_UNROLL
  for (int r = 0; r < R; ++r) {
    R1_UNROLL
    for (int m = 0; m < M; ++m) store_ints(step.totals + 64 * (r * M + m), as_ints(total[r][m]));
  }
}

// M, or what the set has registers for: the cases below that no set of fewer tokens can meet are then no code of their
// own.
constexpr int at_most(int tokens) { return tokens < kRegisterTokens ? tokens : kRegisterTokens; }

template <class Form, int R>
R1_INLINE void multiply_panel_of(int tokens, const TileProduct& p, const ChunkStep& step) {
  static_assert(kRegisterTokens <= 6);
  switch (tokens) {
    case 1:
      return multiply_panel<Form, R, 1>(p, step);
    case 2:
      return multiply_panel<Form, R, at_most(2)>(p, step);
    case 3:
      return multiply_panel<Form, R, at_most(3)>(p, step);
    case 4:
      return multiply_panel<Form, R, at_most(4)>(p, step);
    case 5:
      return multiply_panel<Form, R, at_most(5)>(p, step);
    case 6:
      return multiply_panel<Form, R, at_most(6)>(p, step);
  }
}

template <class A, int R>
void multiply_tiles(const TileProduct& p, int64_t tile) {
  std::byte* expanded = p.scratch + kTotalsBytes;
  const int64_t all = blocks_of(p.cols);
  for (int64_t first = 0; first < all; first += kChunkBlocks) {
    const int64_t blocks = all - first < kChunkBlocks ? all - first : kChunkBlocks;
    for (int r = 0; r < R; ++r) {
      A::expand(p.packed + (tile + r) * p.tile_bytes, p, p.first_row + (tile + r) * kTileRows, first, blocks,
                expanded + r * A::Form::kExpandedBytes * kChunkBlocks);
    }
    for (int64_t token = 0; token < p.tokens; token += kRegisterTokens) {
      const int count = static_cast<int>(p.tokens - token < kRegisterTokens ? p.tokens - token : kRegisterTokens);
      multiply_panel_of<typename A::Form, R>(count, p,
                                             {expanded, tile, first, blocks, token, p.scratch + 64 * R * token});
    }
  }
}

template <class A>
void multiply(const TileProduct& p) {
  if constexpr (A::kDirect) {
    switch (p.tokens <= kRegisterTokens ? p.tokens : 0) {
      case 1:
        return multiply_direct<A, 1>(p);
      case 2:
        return multiply_direct<A, at_most(2)>(p);
      case 3:
        return multiply_direct<A, at_most(3)>(p);
      case 4:
        return multiply_direct<A, at_most(4)>(p);
      case 6:
        return multiply_direct<A, at_most(6)>(p);
      default:
        break;
    }
  }
  const int64_t tiles = (p.rows + kTileRows - 1) / kTileRows;
  int64_t tile = 0;
  for (; tile + kRegisterTiles <= tiles; tile += kRegisterTiles) multiply_tiles<A, kRegisterTiles>(p, tile);
  for (; tile < tiles; ++tile) multiply_tiles<A, 1>(p, tile);
}

// ---- the table ----

template <class Exact, class Fast>
constexpr MatmulKernels::Type type_of() {
  return {{Exact::Form::kPanel, Fast::Form::kPanel}, {multiply<Exact>, multiply<Fast>}};
}

template <DType kType>
constexpr MatmulKernels::Type quantised() {
  return type_of<F32Arithmetic<kType>, Int8Arithmetic<kType>>();
}
template <DType kType>
constexpr MatmulKernels::Type plain() {
  return type_of<F32Arithmetic<kType>, F32Arithmetic<kType>>();
}

// Dot products of bf16 come as a layer of their own over a set without them (kernels.h).
#ifdef R1_BF16_LAYER
constexpr MatmulKernels matmul_kernels() {
  MatmulKernels k = {};
  k.make_panel[static_cast<int>(PanelForm::Bf16)] = make_panel_bf16;
  k.peak[static_cast<int>(PanelForm::Bf16)] = peak_bf16;
  k.types[static_cast<int>(DType::BF16)] = type_of<F32Arithmetic<DType::BF16>, Bf16Arithmetic<DType::BF16>>();
  k.types[static_cast<int>(DType::F8_E4M3)] = type_of<F32Arithmetic<DType::F8_E4M3>, Bf16Arithmetic<DType::F8_E4M3>>();
  return k;
}
#else
constexpr MatmulKernels matmul_kernels() {
  MatmulKernels k = {};
  k.tokens = kRegisterTokens;
  k.scratch_bytes = kTotalsBytes + kMostExpandedBytes * kRegisterTiles * kChunkBlocks;
  k.make_panel[static_cast<int>(PanelForm::F32)] = make_panel_f32;
  k.make_panel[static_cast<int>(PanelForm::Int8)] = make_panel_int8;
  k.peak[static_cast<int>(PanelForm::F32)] = peak_f32;
  k.peak[static_cast<int>(PanelForm::Int8)] = peak_int8;
  const auto set = [&k](DType type, MatmulKernels::Type kernels) { k.types[static_cast<int>(type)] = kernels; };
  set(DType::F32, plain<DType::F32>());
  set(DType::F16, plain<DType::F16>());
  set(DType::BF16, plain<DType::BF16>());
  set(DType::F8_E4M3, plain<DType::F8_E4M3>());
  set(DType::Q8_0, quantised<DType::Q8_0>());
  set(DType::Q4_0, quantised<DType::Q4_0>());
  set(DType::Q4_1, quantised<DType::Q4_1>());
  set(DType::Q5_0, quantised<DType::Q5_0>());
  set(DType::Q5_1, quantised<DType::Q5_1>());
  set(DType::Q2_K, quantised<DType::Q2_K>());
  set(DType::Q3_K, quantised<DType::Q3_K>());
  set(DType::Q4_K, quantised<DType::Q4_K>());
  set(DType::Q5_K, quantised<DType::Q5_K>());
  set(DType::Q6_K, quantised<DType::Q6_K>());
  set(DType::IQ4_NL, quantised<DType::IQ4_NL>());
  set(DType::IQ4_XS, quantised<DType::IQ4_XS>());
  set(DType::MXFP4, quantised<DType::MXFP4>());
  return k;
}
#endif

constexpr MatmulKernels kMatmulKernels = matmul_kernels();

}  // namespace
}  // namespace r1
