// Scheduler: whom to run in the next pass, how many tokens each, whom to pause when pages run out.
//
// Answers in progress go first, a token each; prompts share the rest of the pass, oldest first, in chunks. When pages
// run out the youngest running sequence gives its pages back and waits; later it is computed again from its tokens, to
// the same bits.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "engine/engine_options.h"
#include "engine/page_pool.h"
#include "engine/sequence.h"

namespace r1 {

struct Turn {
  Sequence* sequence;
  int64_t rows;  // positions computed … computed + rows - 1
};

class Scheduler {
 public:
  Scheduler(PagePool& pool, const EngineOptions& options) : pool_(&pool), options_(options) {}

  void add(std::unique_ptr<Sequence> sequence) { waiting_.push_back(std::move(sequence)); }

  // The next pass. Every turn's sequence has pages for its rows. Empty only if nothing waits or runs.
  std::vector<Turn> schedule();

  // After a pass: `rows` more positions of the sequence are computed; full pages are kept for sharing.
  void advance(Sequence& sequence, int64_t rows);

  // The weights have changed: pages that are kept now are found no more, and what the running sequences have computed
  // is never shared. They go on from there; what is computed from nothing after this is shared as before.
  void forget();

  // Takes a sequence out, its pages released. Null if it is not here.
  std::unique_ptr<Sequence> remove(RequestId id);

  bool idle() const { return running_.empty() && waiting_.empty(); }
  int64_t preemptions() const { return preemptions_; }
  int64_t reused_positions() const { return reused_positions_; }  // that first admissions found on kept pages

 private:
  void admit(std::vector<Turn>& turns, int64_t budget);
  bool make_room(Sequence& sequence, int64_t positions, std::vector<Turn>& turns);
  void pause_youngest(std::vector<Turn>& turns);
  void release(Sequence& sequence);

  PagePool* pool_;
  EngineOptions options_;
  std::deque<std::unique_ptr<Sequence>> waiting_;
  std::vector<std::unique_ptr<Sequence>> running_;  // by age
  int64_t preemptions_ = 0, reused_positions_ = 0;
};

}  // namespace r1
