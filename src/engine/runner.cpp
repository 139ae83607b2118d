#include "engine/runner.h"

#include <algorithm>

#include "ops/batch.h"
#include "ops/pass.h"
#include "ops/rows.h"
#include "tensor/tensor.h"

namespace r1 {
namespace {

// Scores want the rows that predict a prompt token; an answer wants the row of the last token.
void append_wanted(const Turn& turn, std::vector<Runner::Wanted>& wanted) {
  const Sequence& sequence = *turn.sequence;
  const int64_t end = sequence.computed + turn.rows;
  if (sequence.request.score_prompt && !sequence.scored) {
    for (int64_t position = sequence.computed; position < std::min(end, sequence.prompt() - 1); ++position) {
      wanted.push_back({&turn, position});
    }
  }
  if (end == sequence.length() && sequence.request.max_tokens != 0) wanted.push_back({&turn, end - 1});
}

}  // namespace

void Runner::run(std::span<const Turn> turns, const std::function<void(const Wanted&, std::span<const float>)>& use) {
  Batch batch;
  std::vector<Wanted> wanted;
  std::vector<int32_t> rows;  // of the wanted, in the batch
  for (const Turn& turn : turns) {
    const Sequence& sequence = *turn.sequence;
    const int64_t first = batch.rows(), before = static_cast<int64_t>(wanted.size());
    append_wanted(turn, wanted);
    for (size_t i = static_cast<size_t>(before); i < wanted.size(); ++i) {
      rows.push_back(static_cast<int32_t>(first + wanted[i].position - sequence.computed));
    }
    const auto ids = std::span<const int32_t>(sequence.ids)
                         .subspan(static_cast<size_t>(sequence.computed), static_cast<size_t>(turn.rows));
    batch.append(ids, static_cast<int32_t>(sequence.computed), sequence.pages, 0);
  }
  batch.wanted = rows;

  arena_.reset();
  Pass pass{.backend = *backend_, .arena = arena_, .precision = decoder_->options().precision, .cache = cache_};
  const Tensor hidden = decoder_->hidden(pass, batch);
  const Arena::Mark mark = arena_.mark();
  for (size_t begin = 0; begin < rows.size(); begin += kLogitRows) {
    const size_t count = std::min<size_t>(kLogitRows, rows.size() - begin);
    arena_.rewind(mark);
    const Tensor logits =
        decoder_->logits(pass, gather_rows(pass, hidden, std::span<const int32_t>(rows).subspan(begin, count)));
    for (size_t i = 0; i < count; ++i) {
      use(wanted[begin + i], {logits.f32(static_cast<int64_t>(i)), static_cast<size_t>(logits.cols())});
    }
  }
}

}  // namespace r1
