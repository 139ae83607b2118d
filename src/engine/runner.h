// Runner: turns -> one Batch -> the decoder -> logits, handed out row by row.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "compute/aligned_memory.h"
#include "compute/arena.h"
#include "engine/scheduler.h"
#include "models/decoder.h"
#include "ops/kv_cache.h"

namespace r1 {

class Runner {
 public:
  // `largest`: what the largest pass will need, taken at once.
  Runner(const Decoder& decoder, Backend& backend, KvCache& cache, const PassPlan& largest)
      : decoder_(&decoder), backend_(&backend), cache_(&cache), arena_(backend) {
    arena_.reserve(largest.activations);
    touch_pages(arena_.take(largest.activations), largest.activations);  // now, as the pages are
    arena_.reset();
    backend.reserve(largest.scratch);
  }

  // One row whose logits somebody wants: the row of `turn` that stands at `position`.
  struct Wanted {
    const Turn* turn;
    int64_t position;
  };

  // Computes the turns. `use` gets the logits of every wanted row, in order; they are gone when it returns.
  void run(std::span<const Turn> turns,
           const std::function<void(const Wanted& wanted, std::span<const float> logits)>& use);

  // Logits of so many rows are in memory at once: a prompt's scores would else take rows x vocabulary numbers.
  static constexpr int64_t kLogitRows = 64;

 private:
  const Decoder* decoder_;
  Backend* backend_;
  KvCache* cache_;
  Arena arena_;
};

}  // namespace r1
