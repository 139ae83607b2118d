// Where the bits of a block of 16 rows go (docs/kernels.md draws it; spec: cpu-performance.md 3).
//
// A tile is 16 rows of weights, stored unit after unit; a unit is one on-disk block of each of the 16 rows, taken apart
// into words of four bytes: line l of 64 bytes holds word l of all 16 rows, so that a register has one row in each
// lane. The scales that do not fill a word ("fields") come first, in a header line, which small blocks share: 2 x 16
// half floats, or 4 x 16 exponents. Words are in the order in which the kernels first touch them, so that addresses
// only grow.
#pragma once

#include <cstdint>

#include "tensor/dtype.h"

namespace r1 {

// What happens to a word on the way: nothing; bit 4g + b goes to 8b + g (the fifth bits of Q5_0, Q5_1: one group of
// four columns is then one shift); the two middle bytes change places (F8: the even bytes are a pair of columns).
enum class Shuffle : uint8_t { None, FirstWordBits, MiddleBytes };

struct TileLayout {
  int columns = 32;          // per unit
  int source_bytes = 0;      // of one row of a unit, as in the file
  int share = 1;             // units that share a header line
  int fields = 0;            // in the header, per unit and row
  int field_bytes = 2;       // of each
  int field_at[2] = {0, 0};  // where in the source
  int word_bytes = 4;        // 2 for F16: half a line holds one column
  int words = 0;             // per unit and row
  uint8_t word_at[52] = {};  // where in the source
  Shuffle shuffle = Shuffle::None;

  constexpr int header_bytes() const { return fields > 0 ? 64 : 0; }
  constexpr int body_bytes() const { return words * word_bytes * 16; }
  // Offsets of unit u in its tile.
  constexpr int64_t header_at(int64_t u) const { return u / share * (header_bytes() + int64_t{share} * body_bytes()); }
  constexpr int64_t body_at(int64_t u) const { return header_at(u) + header_bytes() + u % share * body_bytes(); }
  constexpr int64_t tile_bytes(int64_t cols) const {
    const int64_t units = (cols + columns - 1) / columns;
    return (units + share - 1) / share * header_bytes() + units * body_bytes();
  }
};

constexpr TileLayout tile_layout(DType dtype) {
  TileLayout t;
  const auto words = [&t](int count, int first) {  // `count` words that follow one another in the source
    for (int i = 0; i < count; ++i) t.word_at[t.words++] = static_cast<uint8_t>(first + 4 * i);
  };
  const auto zip = [&t](int count, int first, int second) {  // words of two places by turns
    for (int i = 0; i < count; ++i) {
      t.word_at[t.words++] = static_cast<uint8_t>(first + 4 * i);
      t.word_at[t.words++] = static_cast<uint8_t>(second + 4 * i);
    }
  };
  const auto header = [&t](int share, int fields, int first, int second = 0) {
    t.share = share;
    t.fields = fields;
    t.field_at[0] = first;
    t.field_at[1] = second;
  };
  const auto block = [&t](int columns, int bytes) {
    t.columns = columns;
    t.source_bytes = bytes;
  };
  switch (dtype) {
    case DType::F32:
      block(32, 128);
      words(32, 0);
      break;
    case DType::BF16:
      block(32, 64);
      words(16, 0);
      break;
    case DType::F16:
      block(32, 64);
      t.word_bytes = 2;
      for (int i = 0; i < 32; ++i) t.word_at[t.words++] = static_cast<uint8_t>(2 * i);
      break;
    case DType::F8_E4M3:
      block(32, 32);
      words(8, 0);
      t.shuffle = Shuffle::MiddleBytes;
      break;
    case DType::Q8_0:
      block(32, 34);
      header(2, 1, 0);
      words(8, 2);
      break;
    case DType::Q4_0:
    case DType::IQ4_NL:
      block(32, 18);
      header(2, 1, 0);
      words(4, 2);
      break;
    case DType::Q4_1:
      block(32, 20);
      header(1, 2, 0, 2);
      words(4, 4);
      break;
    case DType::Q5_0:
      block(32, 22);
      header(2, 1, 0);
      words(5, 2);
      t.shuffle = Shuffle::FirstWordBits;
      break;
    case DType::Q5_1:
      block(32, 24);
      header(1, 2, 0, 2);
      words(5, 4);
      t.shuffle = Shuffle::FirstWordBits;
      break;
    case DType::MXFP4:
      block(32, 17);
      header(4, 1, 0);
      t.field_bytes = 1;
      words(4, 1);
      break;
    case DType::Q2_K:
      block(256, 84);
      header(1, 2, 80, 82);
      words(4, 0);
      words(16, 16);
      break;
    case DType::Q3_K:
      block(256, 110);
      header(2, 1, 108);
      words(3, 96);
      zip(8, 0, 32);
      words(8, 64);
      break;
    case DType::Q4_K:
      block(256, 144);
      header(1, 2, 0, 2);
      words(3, 4);
      words(32, 16);
      break;
    case DType::Q5_K:
      block(256, 176);
      header(1, 2, 0, 2);
      words(3, 4);
      zip(8, 16, 48);
      words(24, 80);
      break;
    case DType::Q6_K:
      block(256, 210);
      header(2, 1, 208);
      words(4, 192);
      for (int c = 0; c < 2; ++c) {
        zip(8, 128 + 32 * c, 64 * c);
        words(8, 64 * c + 32);
      }
      break;
    case DType::IQ4_XS:
      block(256, 136);
      header(1, 2, 0, 2);
      words(1, 4);
      words(32, 8);
      break;
    case DType::I32:
      break;
  }
  return t;
}

}  // namespace r1
