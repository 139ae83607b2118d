// The inner loops of attention (attention.inc.h): queries of one kv head against one page of keys and values.
//
// Pages, per kv head (cpu-performance.md 4.4), padded to whole registers where it says so:
//   grouped,  F32:  keys [4][key_dim][16] (four tiles of 16 keys, lanes are keys), values [64][padded value_dim]
//   grouped,  BF16: keys [4][key_dim / 2, rounded up][16][2], values [32][padded value_dim][2] (pairs of keys)
//   absorbed (the value is the key's beginning), F32 and BF16: keys [64][padded key_dim], row by row
#pragma once

#include <cstddef>
#include <cstdint>

namespace r1 {

inline constexpr int kPageKeys = 64;
inline constexpr int kLanes = 16;

// Numbers of a row that is stored in whole registers.
constexpr int64_t padded(int64_t count) { return (count + kLanes - 1) / kLanes * kLanes; }

// What attention knows of a query so far, in floats: the highest score, from 16 on the sum of exponentials (in 16
// lanes), from 32 on the values weighted by them. One state per query, `state_floats` apart.
inline constexpr int kStateSums = 16, kStateValues = 32;
constexpr int64_t state_floats(int value_dim) { return kStateValues + padded(value_dim); }

// A panel of queries against one page.
struct PanelPage {
  const std::byte* keys = nullptr;  // as prepare_page left them
  const std::byte* values = nullptr;
  int key_dim = 0, value_dim = 0;
  const std::byte* panel = nullptr;  // the queries, laid out by make_panel
  int queries = 0;                   // at most `queries` of the layout
  const int* limits = nullptr;       // how many keys of this page each query sees, 0 … 64, ascending
  float* states = nullptr;           // of the panel's first query
};

// The kernels of one layout of pages.
struct AttentionLayout {
  int queries;  // most queries per panel
  // Bytes of a panel, and of the scratch that prepare_page may fill.
  size_t (*panel_bytes)(int key_dim);
  size_t (*scratch_bytes)(int key_dim, int value_dim);
  // Lays out `count` queries times `scale`.
  void (*make_panel)(const float* const* queries, int count, int key_dim, float scale, std::byte* panel);
  // Brings the first `keys` positions of a page into the form that attend_page reads: often nothing is to be done. Sets
  // work.keys and work.values to the result, which may lie in `scratch`.
  void (*prepare_page)(PanelPage& work, const std::byte* page, int keys, std::byte* scratch);
  // Takes the page into the states of the panel's queries.
  void (*attend_page)(const PanelPage& work);
};

struct AttentionKernels {
  AttentionLayout layouts[2][2];  // [absorbed][BF16]
  void (*start)(float* state, int value_dim);
  // Takes what `part` saw (later positions) into `state`.
  void (*merge)(float* state, const float* part, int value_dim);
  void (*finish)(float* out, const float* state, int value_dim);
};

}  // namespace r1
