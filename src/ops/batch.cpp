#include "ops/batch.h"

#include "base/error.h"
#include "compute/backend.h"

namespace r1 {

void Batch::append(std::span<const int32_t> ids, int32_t position, std::span<const int32_t> pages,
                   int32_t wanted_rows) {
  const auto count = static_cast<int32_t>(ids.size());
  R1_CHECK(0 <= wanted_rows && wanted_rows <= count, "{} of {} rows", wanted_rows, count);
  sequences.push_back({rows(), count, position, pages});
  tokens.insert(tokens.end(), ids.begin(), ids.end());
  for (int32_t i = 0; i < count; ++i) positions.push_back(position + i);
  for (int32_t i = count - wanted_rows; i < count; ++i) wanted.push_back(sequences.back().row + i);
}

void Batch::check(int64_t vocabulary) const {
  R1_CHECK(positions.size() == tokens.size(), "{} positions, {} tokens", positions.size(), tokens.size());
  int32_t next_row = 0;
  for (const Sequence& s : sequences) {
    R1_CHECK(s.row == next_row && s.rows > 0 && s.position >= 0, "rows {} + {} at {}, expected row {}", s.row, s.rows,
             s.position, next_row);
    const int64_t pages_needed = pages_for(int64_t{s.position} + s.rows);
    R1_CHECK(s.pages.empty() ? s.position == 0 : static_cast<int64_t>(s.pages.size()) >= pages_needed,
             "{} pages for {} rows from position {}", s.pages.size(), s.rows, s.position);
    next_row += s.rows;
    R1_CHECK(next_row <= rows(), "sequences of {} rows, {} tokens", next_row, rows());
    for (int32_t i = 0; i < s.rows; ++i) {
      R1_CHECK(positions[s.row + i] == s.position + i, "row {} at {}", s.row + i, positions[s.row + i]);
    }
  }
  R1_CHECK(next_row == rows(), "sequences of {} rows, {} tokens", next_row, rows());
  for (const int32_t id : tokens) R1_CHECK(0 <= id && id < vocabulary, "id {} of {}", id, vocabulary);
  for (size_t i = 0; i < wanted.size(); ++i) {
    R1_CHECK(wanted[i] >= (i == 0 ? 0 : wanted[i - 1] + 1) && wanted[i] < rows(), "wanted row {}", wanted[i]);
  }
}

}  // namespace r1
