// Attention on 16 lanes. Included by each isa_<set>.cpp after its simd_<set>.h. Long: two layouts of pages, two types
// of numbers.
//
// The bits of a query (one row, one head) come from one chain of operations that knows nothing of its neighbours: a
// score is one sum over the key's width in order, a page's softmax is its own, a value's lane is one sum over keys in
// order. Registers hold several such chains side by side; how many is a matter of speed alone. A query never touches a
// key behind its limit: what lies there may be another request's past, or not a number.
#include "compute/cpu/bf16.inc.h"
#include "compute/cpu/exp.inc.h"

namespace r1 {
namespace {

constexpr int kAccumulators =
    2 * kRegisterTiles * kRegisterTokens;  // 16-lane sums that fit into registers beside operands
constexpr int kGroupedQueries = kAccumulators < 6 ? kAccumulators : 6;
constexpr int kAbsorbedTiles = kAccumulators >= 16 ? 2 : 1;
constexpr int kAbsorbedQueries = kLanes * kAbsorbedTiles;
constexpr int kMostQueries = kAbsorbedQueries > kGroupedQueries ? kAbsorbedQueries : kGroupedQueries;
constexpr float kMinusInfinity = -__builtin_inff();

// How many of 1, 2, 4 registers each of `queries` may have.
constexpr int registers_for(int queries) {
  return 4 * queries <= kAccumulators ? 4 : 2 * queries <= kAccumulators ? 2 : 1;
}
// Keys beside one another in the absorbed scores: a power of two that divides 64.
constexpr int absorbed_keys(int tiles) {
  return 16 * tiles <= kAccumulators ? 16 : 8 * tiles <= kAccumulators ? 8 : 4 * tiles <= kAccumulators ? 4 : 2;
}

// ---- queries ----

size_t grouped_panel_bytes(int key_dim) { return sizeof(float) * kGroupedQueries * static_cast<size_t>(key_dim + 1); }
size_t absorbed_panel_bytes(int key_dim) { return sizeof(float) * kAbsorbedQueries * static_cast<size_t>(key_dim + 1); }

// F32: [key_dim][count]. The absorbed panel is the same with all its lanes, the missing ones zero.
template <int kWidth>
void make_panel_f32(const float* const* queries, int count, int key_dim, float scale, std::byte* panel) {
  float* out = reinterpret_cast<float*>(panel);
  const int width = kWidth == 0 ? count : kWidth;
  for (int m = 0; m < width; ++m) {
    for (int i = 0; i < key_dim; ++i) out[i * width + m] = m < count ? queries[m][i] * scale : 0.0f;
  }
}

// BF16: [key_dim / 2][count][2], an odd last number paired with zero.
template <int kWidth>
void make_panel_bf16(const float* const* queries, int count, int key_dim, float scale, std::byte* panel) {
  uint16_t* out = reinterpret_cast<uint16_t*>(panel);
  const int width = kWidth == 0 ? count : kWidth;
  for (int m = 0; m < width; ++m) {
    for (int i = 0; i < key_dim + key_dim % 2; ++i) {
      out[(i / 2 * width + m) * 2 + i % 2] = m < count && i < key_dim ? to_bf16(queries[m][i] * scale) : 0;
    }
  }
}

// ---- scores: scores[query][key] = query · key ----

// Lanes are keys: R tiles of 16 keys times M queries.
template <bool kBf16, int M, int R>
R1_INLINE void score_tiles(const std::byte* keys, int steps, const std::byte* panel, float* scores) {
  Floats sums[R][M];
  R1_UNROLL
  for (int r = 0; r < R; ++r) {
    R1_UNROLL
    for (int m = 0; m < M; ++m) sums[r][m] = splat(0);
  }
  const float* lines = reinterpret_cast<const float*>(keys);
  const float* ones = reinterpret_cast<const float*>(panel);
  for (int i = 0; i < steps; ++i) {
    Floats line[R];
    R1_UNROLL
    for (int r = 0; r < R; ++r) line[r] = load(lines + (static_cast<int64_t>(r) * steps + i) * kLanes);
    R1_UNROLL
    for (int m = 0; m < M; ++m) {
      const Floats one = splat(ones[i * M + m]);
      R1_UNROLL
      for (int r = 0; r < R; ++r) {
        if constexpr (kBf16) {
          sums[r][m] = dot2_bf16(sums[r][m], as_ints(line[r]), as_ints(one));
        } else {
          sums[r][m] = fma(line[r], one, sums[r][m]);
        }
      }
    }
  }
  R1_UNROLL
  for (int m = 0; m < M; ++m) {
    R1_UNROLL
    for (int r = 0; r < R; ++r) store(scores + m * kPageKeys + r * kLanes, sums[r][m]);
  }
}

// `tiles` tiles of the page for all queries of the panel: M is how many those are, found by counting down.
template <bool kBf16, int M = kGroupedQueries>
void score_grouped(const PanelPage& work, int tiles, float* scores) {
  if constexpr (M > 1) {
    if (work.queries < M) return score_grouped<kBf16, M - 1>(work, tiles, scores);
  }
  constexpr int R = registers_for(M);
  const int steps = kBf16 ? (work.key_dim + 1) / 2 : work.key_dim;
  const int64_t tile_bytes = static_cast<int64_t>(steps) * 64;
  for (int t = 0; t < tiles; t += R) {
    score_tiles<kBf16, M, R>(work.keys + t * tile_bytes, steps, work.panel, scores + t * kLanes);
  }
}

// Lanes are queries: R tiles of 16 queries times K keys, which stand row by row. Key by key the scores are then written
// to their queries' rows.
template <bool kBf16, int R, int K>
R1_INLINE void score_rows(const std::byte* keys, int64_t row_bytes, int steps, const std::byte* panel, int queries,
                          float* scores) {
  constexpr int kWidth = kAbsorbedQueries;
  Floats sums[R][K];
  R1_UNROLL
  for (int k = 0; k < K; ++k) {
    R1_UNROLL
    for (int r = 0; r < R; ++r) sums[r][k] = splat(0);
  }
  const float* lines = reinterpret_cast<const float*>(panel);
  for (int i = 0; i < steps; ++i) {
    Floats line[R];
    R1_UNROLL
    for (int r = 0; r < R; ++r) line[r] = load(lines + i * kWidth + r * kLanes);
    R1_UNROLL
    for (int k = 0; k < K; ++k) {
      const Floats one = splat(reinterpret_cast<const float*>(keys + k * row_bytes)[i]);
      R1_UNROLL
      for (int r = 0; r < R; ++r) {
        if constexpr (kBf16) {
          sums[r][k] = dot2_bf16(sums[r][k], as_ints(line[r]), as_ints(one));
        } else {
          sums[r][k] = fma(line[r], one, sums[r][k]);
        }
      }
    }
  }
  R1_UNROLL
  for (int k = 0; k < K; ++k) {
    alignas(64) float column[R * kLanes];
    R1_UNROLL
    for (int r = 0; r < R; ++r) store(column + r * kLanes, sums[r][k]);
    for (int m = 0; m < queries; ++m) scores[m * kPageKeys + k] = column[m];
  }
}

template <bool kBf16, int R>
void score_absorbed(const PanelPage& work, int keys, float* scores) {
  constexpr int K = absorbed_keys(R);
  const int64_t row_bytes = padded(work.key_dim) * (kBf16 ? 2 : 4);
  const int steps = kBf16 ? (work.key_dim + 1) / 2 : work.key_dim;
  for (int k = 0; k < keys; k += K) {
    score_rows<kBf16, R, K>(work.keys + k * row_bytes, row_bytes, steps, work.panel, work.queries, scores + k);
  }
}

// ---- softmax ----

constexpr float kIota[kLanes] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

// Scores of the first `limit` keys become exponentials relative to the highest score so far; `decay` is what earlier
// pages' sums are to be multiplied with. With kBf16 the exponentials are rounded to bf16, and stored as pairs at the
// row's beginning.
template <bool kBf16>
void soften(float* scores, int limit, float* state, Floats& decay) {
  const int tiles = (limit + kLanes - 1) / kLanes;
  const Floats lane = load(kIota);
  Floats high = splat(kMinusInfinity);
  for (int t = 0; t < tiles; ++t) {
    const Floats seen =
        select_less(lane, splat(static_cast<float>(limit - t * kLanes)), load(scores + t * kLanes), high);
    high = max(high, seen);
  }
  const float before = state[0], now = largest(high) > before ? largest(high) : before;
  decay = exp(splat(before) - splat(now));
  Floats total = splat(0);
  for (int t = 0; t < tiles; ++t) {
    Floats p = exp(load(scores + t * kLanes) - splat(now));
    if constexpr (kBf16) p = as_floats(shift_left(to_bf16(p), 16));
    p = select_less(lane, splat(static_cast<float>(limit - t * kLanes)), p, splat(0));
    total = total + p;
    if constexpr (kBf16) {
      // In place: 16 numbers of 2 bytes never overtake the 16 of 4 bytes still to be read.
      store_low_u16(reinterpret_cast<uint16_t*>(scores) + t * kLanes, shift_right(as_ints(p), 16));
    } else {
      store(scores + t * kLanes, p);
    }
  }
  state[0] = now;
  store(state + kStateSums, fma(load(state + kStateSums), decay, total));
}

// ---- values: state += exponentials · values ----

// The last of an odd number of keys in bf16: its partner in the line is masked.
template <int M, int R>
R1_INLINE void add_odd_key(const float* lines, const float* scores, Floats (&sums)[M][R]) {
  R1_UNROLL
  for (int m = 0; m < M; ++m) {
    const Floats one = splat(scores[m * kPageKeys]);
    R1_UNROLL
    for (int r = 0; r < R; ++r) {
      sums[m][r] = dot2_bf16(sums[m][r], as_ints(load(lines + r * kLanes)) & splat_int(0xffff), as_ints(one));
    }
  }
}

// Keys [begin, end) into 16 R lanes of M queries. With kBf16 keys go in pairs, begin is even.
template <bool kBf16, int M, int R>
R1_INLINE void add_lanes(const std::byte* values, int64_t stride, const float* scores, int begin, int end, float* lanes,
                         int64_t state_stride, const Floats* decay) {
  Floats sums[M][R];
  R1_UNROLL
  for (int m = 0; m < M; ++m) {
    R1_UNROLL
    for (int r = 0; r < R; ++r) sums[m][r] = load(lanes + m * state_stride + r * kLanes) * decay[m];
  }
  const float* lines = reinterpret_cast<const float*>(values);
  const int first = kBf16 ? begin / 2 : begin, last = kBf16 ? end / 2 : end;
  for (int k = first; k < last; ++k) {
    Floats line[R];
    R1_UNROLL
    for (int r = 0; r < R; ++r) line[r] = load(lines + k * stride + r * kLanes);
    R1_UNROLL
    for (int m = 0; m < M; ++m) {
      const Floats one = splat(scores[m * kPageKeys + k]);
      R1_UNROLL
      for (int r = 0; r < R; ++r) {
        if constexpr (kBf16) {
          sums[m][r] = dot2_bf16(sums[m][r], as_ints(line[r]), as_ints(one));
        } else {
          sums[m][r] = fma(line[r], one, sums[m][r]);
        }
      }
    }
  }
  if constexpr (kBf16) {
    if (end % 2 == 1) add_odd_key<M, R>(lines + last * stride, scores + last, sums);
  }
  R1_UNROLL
  for (int m = 0; m < M; ++m) {
    R1_UNROLL
    for (int r = 0; r < R; ++r) store(lanes + m * state_stride + r * kLanes, sums[m][r]);
  }
}

// `stride` counts floats from one key (F32) or pair of keys (BF16) to the next. M queries, found by counting down.
template <bool kBf16, int M>
void add_values(int queries, const std::byte* values, int64_t stride, int value_dim, const float* scores, int begin,
                int end, float* state, const Floats* decay) {
  if constexpr (M > 1) {
    if (queries < M)
      return add_values<kBf16, M - 1>(queries, values, stride, value_dim, scores, begin, end, state, decay);
  }
  constexpr int R = registers_for(M);
  const int64_t state_stride = state_floats(value_dim);
  float* lanes = state + kStateValues;
  const int width = static_cast<int>(padded(value_dim));
  int i = 0;
  for (; i + R * kLanes <= width; i += R * kLanes) {
    add_lanes<kBf16, M, R>(values + i * 4, stride, scores, begin, end, lanes + i, state_stride, decay);
  }
  for (; i < width; i += kLanes) {
    add_lanes<kBf16, M, 1>(values + i * 4, stride, scores, begin, end, lanes + i, state_stride, decay);
  }
}

// ---- a page ----

// Softmax and values of queries [first, queries) whose scores are known. All take the keys that the first of them sees
// together, then each the rest of its own.
template <bool kBf16>
void take_values(const PanelPage& work, int64_t stride, int first, float* scores) {
  const int64_t state_stride = state_floats(work.value_dim);
  Floats decay[kMostQueries];
  for (int m = first; m < work.queries; ++m) {
    soften<kBf16>(scores + m * kPageKeys, work.limits[m], work.states + m * state_stride, decay[m]);
  }
  for (int m = first; m < work.queries; m += kGroupedQueries) {
    const int count = work.queries - m < kGroupedQueries ? work.queries - m : kGroupedQueries;
    float* states = work.states + m * state_stride;
    const int all = work.limits[m];
    const bool alike = work.limits[m + count - 1] == all;
    const int common = kBf16 && !alike ? all / 2 * 2 : all;
    add_values<kBf16, kGroupedQueries>(count, work.values, stride, work.value_dim, scores + m * kPageKeys, 0, common,
                                       states, decay + m);
    const Floats one = splat(1);
    for (int k = 0; k < count && !alike; ++k) {
      if (work.limits[m + k] == common) continue;
      add_values<kBf16, 1>(1, work.values, stride, work.value_dim, scores + (m + k) * kPageKeys, common,
                           work.limits[m + k], states + k * state_stride, &one);
    }
  }
}

int first_active(const PanelPage& work) {
  int first = 0;
  while (first < work.queries && work.limits[first] == 0) ++first;
  return first;
}

template <bool kBf16>
void attend_grouped(const PanelPage& work) {
  const int first = first_active(work);
  if (first == work.queries) return;
  alignas(64) float scores[kGroupedQueries * kPageKeys];
  const int tiles = (work.limits[work.queries - 1] + kLanes - 1) / kLanes;
  score_grouped<kBf16>(work, tiles, scores);
  take_values<kBf16>(work, padded(work.value_dim), first, scores);
}

template <bool kBf16>
void attend_absorbed(const PanelPage& work) {
  const int first = first_active(work);
  if (first == work.queries) return;
  alignas(64) float scores[kAbsorbedQueries * kPageKeys];
  const int keys = work.limits[work.queries - 1];
  if (work.queries <= kLanes) {
    score_absorbed<kBf16, 1>(work, keys, scores);
  } else {
    score_absorbed<kBf16, kAbsorbedTiles>(work, keys, scores);
  }
  take_values<kBf16>(work, padded(kBf16 ? work.value_dim : work.key_dim), first, scores);
}

// ---- pages ----

size_t no_scratch(int, int) { return 0; }
size_t grouped_scratch(int key_dim, int value_dim) {
  return sizeof(float) * kPageKeys * static_cast<size_t>(key_dim + 1 + padded(value_dim));
}
size_t absorbed_scratch(int key_dim, int) { return sizeof(float) * kPageKeys * static_cast<size_t>(padded(key_dim)); }
size_t pairs_scratch(int, int value_dim) {
  return sizeof(float) * kPageKeys / 2 * static_cast<size_t>(padded(value_dim));
}

void take_grouped_f32(PanelPage& work, const std::byte* page, int, std::byte*) {
  work.keys = page;
  work.values = page + static_cast<int64_t>(sizeof(float)) * kPageKeys * work.key_dim;
}
void take_grouped_bf16(PanelPage& work, const std::byte* page, int, std::byte*) {
  work.keys = page;
  work.values = page + static_cast<int64_t>(sizeof(float)) * kPageKeys * ((work.key_dim + 1) / 2);
}
void take_absorbed_f32(PanelPage& work, const std::byte* page, int, std::byte*) { work.keys = work.values = page; }

// Two neighbours of 16 lanes of pairs become two lines of floats.
R1_INLINE Floats low_of(Ints pairs) { return as_floats(shift_left(pairs, 16)); }
R1_INLINE Floats high_of(Ints pairs) { return as_floats(pairs & splat_int(static_cast<int32_t>(0xffff0000))); }

// Without dot products of bf16: the page as floats, in the F32 layout.
void expand_grouped(PanelPage& work, const std::byte* page, int keys, std::byte* scratch) {
  const int pairs = (work.key_dim + 1) / 2;
  float* out = reinterpret_cast<float*>(scratch);
  for (int t = 0; t < (keys + kLanes - 1) / kLanes; ++t) {
    float* tile = out + static_cast<int64_t>(t) * kLanes * work.key_dim;
    for (int i = 0; i < pairs; ++i) {
      const Ints both = load_ints(page + (static_cast<int64_t>(t) * pairs + i) * 64);
      store(tile + 2 * i * kLanes, low_of(both));
      if (2 * i + 1 < work.key_dim) store(tile + (2 * i + 1) * kLanes, high_of(both));
    }
  }
  const int width = static_cast<int>(padded(work.value_dim));
  const std::byte* values = page + static_cast<int64_t>(sizeof(float)) * kPageKeys * pairs;
  float* out_values = out + static_cast<int64_t>(kPageKeys) * work.key_dim;
  for (int k = 0; k < (keys + 1) / 2; ++k) {
    for (int i = 0; i < width; i += kLanes) {
      const Ints both = load_ints(values + (static_cast<int64_t>(k) * width + i) * 4);
      store(out_values + (2 * k) * width + i, low_of(both));
      store(out_values + (2 * k + 1) * width + i, high_of(both));
    }
  }
  work.keys = scratch;
  work.values = reinterpret_cast<const std::byte*>(out_values);
}

void expand_absorbed(PanelPage& work, const std::byte* page, int keys, std::byte* scratch) {
  const int64_t count = keys * padded(work.key_dim);
  float* out = reinterpret_cast<float*>(scratch);
  for (int64_t i = 0; i < count; i += kLanes) store(out + i, as_floats(shift_left(load_u16(page + 2 * i), 16)));
  work.keys = work.values = scratch;
}

// With them: scores read the rows as they are, values want pairs of rows.
void pair_absorbed(PanelPage& work, const std::byte* page, int keys, std::byte* scratch) {
  const int64_t stride = padded(work.key_dim), width = padded(work.value_dim);
  for (int k = 0; k < (keys + 1) / 2; ++k) {
    for (int64_t i = 0; i < width; i += kLanes) {
      const Ints low = load_u16(page + 2 * (2 * k * stride + i)),
                 high = load_u16(page + 2 * ((2 * k + 1) * stride + i));
      store_ints(scratch + 4 * (k * width + i), low | shift_left(high, 16));
    }
  }
  work.keys = page;
  work.values = scratch;
}

// ---- states ----

void start_state(float* state, int value_dim) {
  for (int64_t i = 0; i < state_floats(value_dim); ++i) state[i] = 0;
  state[0] = kMinusInfinity;
}

void merge_states(float* state, const float* part, int value_dim) {
  const float now = state[0] > part[0] ? state[0] : part[0];
  const Floats keep = exp(splat(state[0]) - splat(now)), take = exp(splat(part[0]) - splat(now));
  for (int64_t i = kStateSums; i < state_floats(value_dim); i += kLanes) {
    store(state + i, fma(load(part + i), take, load(state + i) * keep));
  }
  state[0] = now;
}

void finish_state(float* out, const float* state, int value_dim) {
  const float total = sum(load(state + kStateSums));
  for (int i = 0; i < value_dim; ++i) out[i] = state[kStateValues + i] / total;
}

#ifdef R1_BF16_LAYER
constexpr AttentionLayout kGroupedBf16 = {kGroupedQueries,    grouped_panel_bytes, no_scratch,
                                          make_panel_bf16<0>, take_grouped_bf16,   attend_grouped<true>};
constexpr AttentionLayout kAbsorbedBf16 = {kAbsorbedQueries, absorbed_panel_bytes,
                                           pairs_scratch,    make_panel_bf16<kAbsorbedQueries>,
                                           pair_absorbed,    attend_absorbed<true>};
constexpr AttentionKernels kAttentionKernels = {{{{}, kGroupedBf16}, {{}, kAbsorbedBf16}}, nullptr, nullptr, nullptr};
#else
constexpr AttentionLayout kGroupedF32 = {kGroupedQueries,   grouped_panel_bytes, no_scratch,
                                         make_panel_f32<0>, take_grouped_f32,    attend_grouped<false>};
constexpr AttentionLayout kGroupedBf16 = {kGroupedQueries,   grouped_panel_bytes, grouped_scratch,
                                          make_panel_f32<0>, expand_grouped,      attend_grouped<false>};
constexpr AttentionLayout kAbsorbedF32 = {kAbsorbedQueries,  absorbed_panel_bytes,
                                          no_scratch,        make_panel_f32<kAbsorbedQueries>,
                                          take_absorbed_f32, attend_absorbed<false>};
constexpr AttentionLayout kAbsorbedBf16 = {kAbsorbedQueries, absorbed_panel_bytes,
                                           absorbed_scratch, make_panel_f32<kAbsorbedQueries>,
                                           expand_absorbed,  attend_absorbed<false>};
constexpr AttentionKernels kAttentionKernels = {
    {{kGroupedF32, kGroupedBf16}, {kAbsorbedF32, kAbsorbedBf16}}, start_state, merge_states, finish_state};
#endif

}  // namespace
}  // namespace r1
