#include "engine/scheduler.h"

#include <algorithm>

namespace r1 {

std::vector<Turn> Scheduler::schedule() {
  std::vector<Turn> turns;
  int64_t budget = options_.max_rows;
  // Indexed loops: make_room may pause sequences at the end of running_.
  for (size_t i = 0; i < running_.size() && budget > 0; ++i) {
    Sequence& sequence = *running_[i];
    if (sequence.decoding() && make_room(sequence, sequence.length(), turns)) {
      turns.push_back({&sequence, 1});
      --budget;
    }
  }
  for (size_t i = 0; i < running_.size() && budget > 0; ++i) {
    Sequence& sequence = *running_[i];
    if (sequence.decoding()) continue;
    const int64_t rows = std::min({sequence.length() - sequence.computed, budget, int64_t{options_.chunk}});
    if (rows > 0 && make_room(sequence, sequence.computed + rows, turns)) {
      turns.push_back({&sequence, rows});
      budget -= rows;
    }
  }
  admit(turns, budget);
  return turns;
}

void Scheduler::admit(std::vector<Turn>& turns, int64_t budget) {
  while (!waiting_.empty() && static_cast<int>(running_.size()) < options_.max_sequences && budget > 0) {
    Sequence& sequence = *waiting_.front();
    // Rows whose logits are wanted must be computed: all but the last for the answer, every one for scores.
    if (options_.reuse_prefixes && !sequence.request.score_prompt) {
      sequence.pages = pool_->match(sequence.ids, static_cast<int32_t>((sequence.length() - 1) / kPagePositions));
      sequence.kept = static_cast<int64_t>(sequence.pages.size());
      sequence.computed = sequence.kept * kPagePositions;
    }
    const int64_t missing = pages_for(sequence.length() + 1) - static_cast<int64_t>(sequence.pages.size());
    if (missing > pool_->available() && !running_.empty()) {
      release(sequence);
      return;
    }
    if (!sequence.has_run) reused_positions_ += sequence.cached = sequence.computed;
    sequence.has_run = true;
    running_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
    const int64_t rows = std::min({sequence.length() - sequence.computed, budget, int64_t{options_.chunk}});
    if (!make_room(sequence, sequence.computed + rows, turns)) return;
    turns.push_back({&sequence, rows});
    budget -= rows;
  }
}

// Pages for positions 0 … positions - 1. Younger sequences are paused for it; false if there are none left to pause.
bool Scheduler::make_room(Sequence& sequence, int64_t positions, std::vector<Turn>& turns) {
  while (static_cast<int64_t>(sequence.pages.size()) < pages_for(positions)) {
    if (const auto page = pool_->take()) {
      sequence.pages.push_back(*page);
    } else if (running_.back().get() != &sequence) {
      pause_youngest(turns);
    } else {
      return false;  // waits for an older one; the oldest of all always finds room (a sequence fits into the pool)
    }
  }
  return true;
}

void Scheduler::pause_youngest(std::vector<Turn>& turns) {
  Sequence* youngest = running_.back().get();
  std::erase_if(turns, [&](const Turn& turn) { return turn.sequence == youngest; });
  release(*youngest);
  waiting_.push_front(std::move(running_.back()));
  running_.pop_back();
  ++preemptions_;
}

void Scheduler::release(Sequence& sequence) {
  while (!sequence.pages.empty()) {
    pool_->release(sequence.pages.back());
    sequence.pages.pop_back();
  }
  sequence.computed = sequence.kept = 0;
  sequence.shareable = true;
}

void Scheduler::forget() {
  pool_->forget();
  for (const auto& sequence : running_) {
    if (sequence->computed > 0) sequence->shareable = false;
  }
}

void Scheduler::advance(Sequence& sequence, int64_t rows) {
  sequence.computed += rows;
  if (!options_.reuse_prefixes || !sequence.shareable) return;
  for (; (sequence.kept + 1) * kPagePositions <= sequence.computed; ++sequence.kept) {
    const auto part = std::span<const int32_t>(sequence.ids)
                          .subspan(static_cast<size_t>(sequence.kept * kPagePositions), kPagePositions);
    const auto index = static_cast<size_t>(sequence.kept);
    sequence.pages[index] = pool_->keep(sequence.pages[index], index > 0 ? sequence.pages[index - 1] : -1, part);
  }
}

std::unique_ptr<Sequence> Scheduler::remove(RequestId id) {
  const auto is_it = [&](const std::unique_ptr<Sequence>& sequence) { return sequence->id == id; };
  std::unique_ptr<Sequence> found;
  if (const auto it = std::find_if(running_.begin(), running_.end(), is_it); it != running_.end()) {
    found = std::move(*it);
    running_.erase(it);
  } else if (const auto other = std::find_if(waiting_.begin(), waiting_.end(), is_it); other != waiting_.end()) {
    found = std::move(*other);
    waiting_.erase(other);
  } else {
    return nullptr;
  }
  release(*found);
  return found;
}

}  // namespace r1
