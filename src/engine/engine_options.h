// EngineOptions: how much an engine holds, and how much it does at once.
#pragma once

#include <cstdint>

namespace r1 {

// Every number at least 1 (cache_positions: 0); R1_CHECKed where an engine is made.
struct EngineOptions {
  int64_t context = 4096;       // longest sequence, prompt and answer
  int64_t cache_positions = 0;  // of all running sequences and reusable prefixes together; 0: `context`
  int max_sequences = 64;       // running at once
  int max_rows = 512;           // rows per pass
  int chunk = 512;              // rows of one prompt per pass
  bool reuse_prefixes = true;
};

}  // namespace r1
