// Runner: turns -> one Batch -> the decoder -> logits, handed out row by row.
#pragma once

#include <cstring>
#include <functional>
#include <span>
#include <vector>

#include "engine/scheduler.h"
#include "models/decoder.h"

namespace r1 {

class Runner {
 public:
  // `activation_bytes`: what the largest pass will need (planned_activation_bytes), taken at once.
  Runner(const Decoder& decoder, Backend& backend, KvCache& cache, size_t activation_bytes)
      : decoder_(&decoder), backend_(&backend), cache_(&cache), arena_(backend) {
    arena_.reserve(activation_bytes);
    std::memset(arena_.take(activation_bytes), 0, activation_bytes);  // touched now, as the pages are
    arena_.reset();
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
