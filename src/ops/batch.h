// Batch: the rows of one pass. Who sits where is data, not a branch: prefill, decode, scoring and training are the same
// forward with different batches.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace r1 {

struct Batch {
  // Consecutive rows of one sequence at consecutive positions, and the pages they see (pages[p] holds positions 64p …
  // 64p + 63; enough for the last row). No pages: the rows start at position 0 and are one another's only keys
  // (training, scoring).
  struct Sequence {
    int32_t row = 0, rows = 0, position = 0;
    std::span<const int32_t> pages;
  };

  std::vector<int32_t> tokens;      // one id per row
  std::vector<int32_t> positions;   // where the row stands in its sequence
  std::vector<Sequence> sequences;  // in order of rows, covering all of them
  std::vector<int32_t> wanted;      // rows whose logits somebody will read, ascending

  int32_t rows() const { return static_cast<int32_t>(tokens.size()); }

  // Appends the rows of one sequence; logits of the last `wanted_rows` of them are wanted.
  void append(std::span<const int32_t> ids, int32_t position, std::span<const int32_t> pages, int32_t wanted_rows);

  // R1_CHECKs that rows, positions, pages and wanted rows fit together, and that ids are below `vocabulary`.
  void check(int64_t vocabulary) const;
};

}  // namespace r1
