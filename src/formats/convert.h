// convert_weights: any source written anew as a GGUF file or a hub folder, in another type. One tensor's rows at a time
// are in memory; a file or folder appears under its name only when it is complete.
//
// What changes between the two worlds: names, experts stacked or separate, llama's row order (formats.md 4.2), kv_b
// whole or split (4.3), hyperparameters, llama3's rope scaling as a formula or as divisors. What stays: the numbers.
// FP8 is decoded first.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "base/thread_pool.h"
#include "formats/gguf_writer.h"
#include "formats/weight_source.h"

namespace r1 {

struct ConvertOptions {
  // GGUF: F32, F16, BF16, Q8_0, Q4_0, Q6_K, or Q4_K for the usual M mixture. Hub: F32, F16, BF16.
  DType dtype = DType::BF16;
  ThreadPool* pool = nullptr;  // null: the calling thread alone
  GgufPairs metadata;  // GGUF: pairs the caller knows: general.name, tokenizer.*; they win over what the source says
  std::map<std::string, std::string> files;  // hub: more files by name: tokenizer.json, generation_config.json, …
  bool replace = false;                  // hub: an `out` with something in it gives way when the new folder is complete
  uint64_t shard_bytes = 5'000'000'000;  // hub: a shard is closed before it grows beyond this
  std::function<void(uint64_t done, uint64_t total)>
      progress;  // bytes of output; called between pieces, may throw to stop
};

// Throws Error(kUsage) for a type the target cannot be asked for, Error(kBadModel) for a model it cannot hold, naming
// what, Error(kFailure) for an `out` that cannot be written or has something in it and is not to be replaced.
void convert_to_gguf(const WeightSource& source, const std::filesystem::path& out, const ConvertOptions& options);
void convert_to_hub(const WeightSource& source, const std::filesystem::path& out, const ConvertOptions& options);

// By the name: "….gguf" is a GGUF file, everything else a hub folder.
void convert_weights(const WeightSource& source, const std::filesystem::path& out, const ConvertOptions& options);

}  // namespace r1
