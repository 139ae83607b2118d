// What the arithmetic units can do at best, for benchmarks. Included after units.inc.h.

namespace r1 {
namespace {

// Multiply-adds from registers alone, as many independent chains as the products have. The operand that changes is read
// so that nothing can be computed ahead of the loop.
template <class Step>
R1_INLINE int64_t repeat(int64_t rounds, int per_lane, Step step) {
  for (int64_t round = 0; round < rounds; ++round) step(static_cast<int>(round % 16));
  return rounds * kRegisterTiles * kRegisterTokens * kTileRows * per_lane;
}

// Of different beginnings, or a compiler would see that they are one.
constexpr int kChains = kRegisterTiles * kRegisterTokens;
static_assert(kChains <= 16);

int64_t peak_f32(int64_t rounds, std::byte* lines) {
  Floats sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = as_floats(line_at(lines, i));
  const Floats weights = as_floats(line_at(lines, 0));
  const int64_t done = repeat(
      rounds, 1, [&](int line) __attribute__((always_inline)) {
        const Floats x = as_floats(line_at(lines, line));
        R1_UNROLL
        for (int i = 0; i < kChains; ++i) sums[i] = fma(weights, x, sums[i]);
      });
  for (int i = 0; i < kChains; ++i) store_ints(lines + 64 * i, as_ints(sums[i]));
  return done;
}

#ifdef R1_BF16_LAYER
int64_t peak_bf16(int64_t rounds, std::byte* lines) {
  Floats sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = as_floats(line_at(lines, i));
  const Ints weights = line_at(lines, 0);
  const int64_t done = repeat(
      rounds, 2, [&](int line) __attribute__((always_inline)) {
        const Ints x = line_at(lines, line);
        R1_UNROLL
        for (int i = 0; i < kChains; ++i) sums[i] = dot2_bf16(sums[i], weights, x);
      });
  for (int i = 0; i < kChains; ++i) store_ints(lines + 64 * i, as_ints(sums[i]));
  return done;
}
#endif

int64_t peak_int8(int64_t rounds, std::byte* lines) {
  Ints sums[kChains], weights[3] = {line_at(lines, 0), line_at(lines, 1), line_at(lines, 2)};
  for (int i = 0; i < kChains; ++i) sums[i] = line_at(lines, i);
  const int64_t done = repeat(
      rounds, 4, [&](int line) __attribute__((always_inline)) {
        const Ints x = line_at(lines, line);
        R1_UNROLL
        for (int i = 0; i < kChains; ++i) sums[i] = dot4_small(sums[i], weights[i % 3], x);
      });
  for (int i = 0; i < kChains; ++i) store_ints(lines + 64 * i, sums[i]);
  return done;
}

}  // namespace
}  // namespace r1
