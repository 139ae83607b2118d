#include "engine/generation_defaults.h"

#include <algorithm>

#include "base/json.h"
#include "formats/token_ids.h"

namespace r1 {
namespace {

template <typename T>
void read_number(const Json& config, const char* key, T& value, double low, double high, const std::string& file) {
  const auto it = config.find(key);
  if (it == config.end() || it->is_null()) return;
  if (!it->is_number() || !(it->get<double>() >= low && it->get<double>() <= high)) {
    fail(Exit::kBadModel, "{}: generation_config '{}' is {}, expected a number from {} to {}", file, key, it->dump(),
         low, high);
  }
  value = static_cast<T>(it->get<double>());
}

}  // namespace

Sampling default_sampling(const WeightSource& source) {
  Sampling sampling;  // DeepSeek's recommendation
  const Json& config = source.generation_config();
  const std::string file = source.path();
  const auto do_sample = config.find("do_sample");
  read_number(config, "temperature", sampling.temperature, 0, 100, file);
  read_number(config, "top_p", sampling.top_p, 0, 1, file);
  read_number(config, "top_k", sampling.top_k, 0, 1e9, file);
  read_number(config, "min_p", sampling.min_p, 0, 1, file);
  if (do_sample != config.end() && do_sample->is_boolean() && !do_sample->get<bool>()) sampling.temperature = 0;
  return sampling;
}

std::vector<int32_t> end_ids(const WeightSource& source, const Tokenizer& tokenizer, int64_t vocabulary) {
  std::vector<int32_t> ids = tokenizer.end_ids();
  append_token_ids(source.config(), "eos_token_id", ids);
  append_token_ids(source.generation_config(), "eos_token_id", ids);
  std::erase_if(ids, [&](int32_t id) { return id < 0 || id >= vocabulary; });
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

}  // namespace r1
