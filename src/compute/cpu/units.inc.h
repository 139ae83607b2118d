// Every quantised type as the kernels see it: a Unit hands out, block by block of 32 columns, the eight lines of bytes
// that dot4 eats (16 rows x 4 columns each) and the scales of the 16 rows. Where the words lie is tile_layout.h; the
// formulas are formats.md 5.
//
// A weight is scale * (byte - kOffset) [- low]: the offset costs nothing (accumulators start at -offset * sum of the
// quants), a minimum ("low", given with the sign that subtracts) costs one multiply-add per block and token. Each type:
// kColumns per unit; kScales per block (2: one per 16 columns); kLow: it has minima; kOffset; kSmall: bytes below 128;
// open(header, slot, body), then scale(b, half), low(b, half) and line(b, g) for block b of the unit and columns 4g …
// 4g + 3. Included by isa_*.cpp after a simd_*.h.

namespace r1 {
namespace {

R1_INLINE Ints line_at(const std::byte* body, int line) { return load_ints(body + 64 * line); }
R1_INLINE Ints nibbles(Ints x, int high) { return (high != 0 ? shift_right(x, 4) : x) & splat_int(0x0f0f0f0f); }
R1_INLINE Ints byte_of(Ints x, int i) { return shift_right(x, 8 * i) & splat_int(0xff); }
R1_INLINE Ints negate(Ints x) { return splat_int(0) - x; }
R1_INLINE Floats negate(Floats x) { return as_floats(as_ints(x) ^ splat_int(INT32_MIN)); }
// Bit `bit` of every byte of x moved to bit `to`.
R1_INLINE Ints move_bit(Ints x, int bit, int to) {
  const Ints mask = splat_int(0x01010101 << to);
  return (bit > to ? shift_right(x, bit - to) : shift_left(x, to - bit)) & mask;
}

// 8-bit weights: signed where dot4 takes them so, else with 128 added.
constexpr int kWideOffset = kSignedDot ? 0 : 128;

struct SmallBlock {  // 32 columns, one scale
  static constexpr int kColumns = 32, kScales = 1;
  static constexpr bool kLow = false, kSmall = true;
  const std::byte* body;
  Floats d;

  R1_INLINE void open(const std::byte* header, int slot, const std::byte* words) {
    d = load_f16(header + 32 * slot);
    body = words;
  }
  R1_INLINE Floats scale(int, int) const { return d; }
  R1_INLINE Floats low(int, int) const { return splat(0); }
};

struct SmallBlockLow : SmallBlock {  // a minimum as well
  static constexpr bool kLow = true;
  static constexpr int kOffset = 0;
  Floats minus_m;

  R1_INLINE void open(const std::byte* header, int, const std::byte* words) {
    d = load_f16(header);
    minus_m = negate(load_f16(header + 32));
    body = words;
  }
  R1_INLINE Floats low(int, int) const { return minus_m; }
};

R1_INLINE Ints nibble_line(const std::byte* lines, int g) { return nibbles(line_at(lines, g % 4), g / 4); }
R1_INLINE Ints five_bits_line(const std::byte* lines, int g) {
  return nibble_line(lines + 64, g) | move_bit(line_at(lines, 0), g, 4);
}

template <DType kType>
struct Unit;

template <>
struct Unit<DType::Q8_0> : SmallBlock {
  static constexpr int kOffset = kWideOffset;
  static constexpr bool kSmall = false;
  R1_INLINE Ints line(int, int g) const {
    const Ints x = line_at(body, g);
    return kSignedDot ? x : x ^ splat_int(static_cast<int32_t>(0x80808080));
  }
};
template <>
struct Unit<DType::Q4_0> : SmallBlock {
  static constexpr int kOffset = 8;
  R1_INLINE Ints line(int, int g) const { return nibble_line(body, g); }
};
template <>
struct Unit<DType::Q4_1> : SmallBlockLow {
  R1_INLINE Ints line(int, int g) const { return nibble_line(body, g); }
};
template <>
struct Unit<DType::Q5_0> : SmallBlock {
  static constexpr int kOffset = 16;
  R1_INLINE Ints line(int, int g) const { return five_bits_line(body, g); }
};
template <>
struct Unit<DType::Q5_1> : SmallBlockLow {
  R1_INLINE Ints line(int, int g) const { return five_bits_line(body, g); }
};

// The values of IQ4 codes plus kWideOffset, and those of FP4 codes (doubled) plus 16.
constexpr int8_t iq4(int value) { return static_cast<int8_t>(value + kWideOffset); }
alignas(16) constexpr int8_t kIq4Table[16] = {iq4(-127), iq4(-104), iq4(-83), iq4(-65), iq4(-49), iq4(-35),
                                              iq4(-22),  iq4(-10),  iq4(1),   iq4(13),  iq4(25),  iq4(38),
                                              iq4(53),   iq4(69),   iq4(89),  iq4(113)};
alignas(16) constexpr int8_t kFp4Table[16] = {16, 17, 18, 19, 20, 22, 24, 28, 16, 15, 14, 13, 12, 10, 8, 4};

template <>
struct Unit<DType::IQ4_NL> : SmallBlock {
  static constexpr int kOffset = kWideOffset;
  static constexpr bool kSmall = false;
  R1_INLINE Ints line(int, int g) const { return look_up(kIq4Table, nibble_line(body, g)); }
};
template <>
struct Unit<DType::MXFP4> : SmallBlock {
  static constexpr int kOffset = 16;
  R1_INLINE void open(const std::byte* header, int slot, const std::byte* words) {
    const Ints e = load_u8(header + 16 * slot);  // 2^(e - 128): subnormal for 0 and 1
    const Ints zero = equal(e, splat_int(0)), one = equal(e, splat_int(1)), normal = (zero | one) ^ splat_int(-1);
    d = as_floats((shift_left(e - splat_int(1), 23) & normal) | (zero & splat_int(0x00200000)) |
                  (one & splat_int(0x00400000)));
    body = words;
  }
  R1_INLINE Ints line(int, int g) const { return look_up(kFp4Table, nibble_line(body, g)); }
};

struct SuperBlock {  // 256 columns
  static constexpr int kColumns = 256;
  static constexpr bool kSmall = true;
  const std::byte* body;
  Floats d;
};

// Q4_K and Q5_K: eight six-bit scales and minima in three words of a row.
struct SixBitScales : SuperBlock {
  static constexpr int kScales = 1, kOffset = 0;
  static constexpr bool kLow = true;
  Floats dmin;
  Ints scales[2], minima[2];

  R1_INLINE void open(const std::byte* header, int, const std::byte* words) {
    d = load_f16(header);
    dmin = load_f16(header + 32);
    body = words;
    const Ints a = line_at(words, 0), b = line_at(words, 1), c = line_at(words, 2);
    const Ints six = splat_int(0x3f3f3f3f), four = splat_int(0x0f0f0f0f), top = splat_int(0x30303030);
    scales[0] = a & six;
    minima[0] = b & six;
    scales[1] = (c & four) | (shift_right(a, 2) & top);
    minima[1] = (shift_right(c, 4) & four) | (shift_right(b, 2) & top);
  }
  R1_INLINE Floats scale(int b, int) const { return to_floats(byte_of(scales[b / 4], b % 4)) * d; }
  R1_INLINE Floats low(int b, int) const { return to_floats(byte_of(minima[b / 4], b % 4)) * dmin; }
};

template <>
struct Unit<DType::Q4_K> : SixBitScales {
  R1_INLINE Ints line(int b, int g) const { return nibbles(line_at(body, 3 + b / 2 * 8 + g), b % 2); }
};
template <>
struct Unit<DType::Q5_K> : SixBitScales {
  R1_INLINE Ints line(int b, int g) const {
    const int c = b / 2;  // which 64 columns
    const Ints low = nibbles(line_at(body, c == 0 ? 4 + 2 * g : 11 + 8 * c + g), b % 2);
    return low | move_bit(line_at(body, 3 + 2 * g), b, 4);
  }
};

template <>
struct Unit<DType::Q6_K> : SuperBlock {
  static constexpr int kScales = 2, kOffset = 32;
  static constexpr bool kLow = false;
  R1_INLINE void open(const std::byte* header, int slot, const std::byte* words) {
    d = load_f16(header + 32 * slot);
    body = words;
  }
  R1_INLINE Floats scale(int b, int half) const {
    const Ints byte = byte_of(line_at(body, b / 2), b % 2 * 2 + half);
    return to_floats((byte ^ splat_int(0x80)) - splat_int(0x80)) * d;
  }
  R1_INLINE Floats low(int, int) const { return splat(0); }
  R1_INLINE Ints line(int b, int g) const {
    const std::byte* part =
        body + 64 * (4 + 24 * (b / 4));  // of 128 columns: high and low lines by turns, then low ones
    const int i = b % 4;
    const Ints low = nibbles(line_at(part, i % 2 == 0 ? 2 * g + 1 : 16 + g), i / 2), high = line_at(part, 2 * g);
    const Ints top = splat_int(0x30303030);
    return low | ((i < 2 ? shift_left(high, 4 - 2 * i) : shift_right(high, 2 * i - 4)) & top);
  }
};

template <>
struct Unit<DType::Q3_K> : SuperBlock {
  static constexpr int kScales = 2, kOffset = 4;
  static constexpr bool kLow = false;
  Ints scales[4];  // 32 added
  R1_INLINE void open(const std::byte* header, int slot, const std::byte* words) {
    d = load_f16(header + 32 * slot);
    body = words;
    const Ints a = line_at(words, 0), b = line_at(words, 1), c = line_at(words, 2), top = splat_int(0x30303030);
    scales[0] = nibbles(a, 0) | (shift_left(c, 4) & top);
    scales[1] = nibbles(b, 0) | (shift_left(c, 2) & top);
    scales[2] = nibbles(a, 1) | (c & top);
    scales[3] = nibbles(b, 1) | (shift_right(c, 2) & top);
  }
  R1_INLINE Floats scale(int b, int half) const {
    return to_floats(byte_of(scales[b / 2], b % 2 * 2 + half) - splat_int(32)) * d;
  }
  R1_INLINE Floats low(int, int) const { return splat(0); }
  R1_INLINE Ints line(int b, int g) const {
    const Ints two = line_at(body, b < 4 ? 4 + 2 * g : 19 + g);
    return (shift_right(two, b % 4 * 2) & splat_int(0x03030303)) | move_bit(line_at(body, 3 + 2 * g), b, 2);
  }
};

template <>
struct Unit<DType::Q2_K> : SuperBlock {
  static constexpr int kScales = 2, kOffset = 0;
  static constexpr bool kLow = true;
  Floats dmin;
  R1_INLINE void open(const std::byte* header, int, const std::byte* words) {
    d = load_f16(header);
    dmin = load_f16(header + 32);
    body = words;
  }
  R1_INLINE Ints pair(int b, int half) const { return byte_of(line_at(body, b / 2), b % 2 * 2 + half); }
  R1_INLINE Floats scale(int b, int half) const { return to_floats(pair(b, half) & splat_int(15)) * d; }
  R1_INLINE Floats low(int b, int half) const { return to_floats(shift_right(pair(b, half), 4)) * dmin; }
  R1_INLINE Ints line(int b, int g) const {
    return shift_right(line_at(body, 4 + b / 4 * 8 + g), b % 4 * 2) & splat_int(0x03030303);
  }
};

template <>
struct Unit<DType::IQ4_XS> : SuperBlock {
  static constexpr int kScales = 1, kOffset = kWideOffset;
  static constexpr bool kLow = false, kSmall = false;
  Ints scales_high;
  R1_INLINE void open(const std::byte* header, int, const std::byte* words) {
    d = load_f16(header);
    scales_high = load_u16(header + 32);
    body = words;
  }
  R1_INLINE Floats scale(int b, int) const {
    const Ints low = shift_right(line_at(body, 0), 4 * b) & splat_int(15),
               high = shift_right(scales_high, 2 * b) & splat_int(3);
    return to_floats((low | shift_left(high, 4)) - splat_int(32)) * d;
  }
  R1_INLINE Floats low(int, int) const { return splat(0); }
  R1_INLINE Ints line(int b, int g) const { return look_up(kIq4Table, nibble_line(body + 64 * (1 + 4 * b), g)); }
};

}  // namespace
}  // namespace r1
