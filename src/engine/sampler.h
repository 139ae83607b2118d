// Sampler: logits to a token and its log-probability. A token is a function of (logits, sampling, position) alone.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "engine/request.h"

namespace r1 {

// No infinity, no NaN: what every logit of a sound model is, and what the functions below ask for.
bool all_finite(std::span<const float> logits);

// ln Σ exp(logits): float exponentials, sums in double in a fixed order.
double log_sum_exp(std::span<const float> logits);

// log softmax of one entry, rounded once.
inline float log_probability(std::span<const float> logits, double log_sum, int32_t id) {
  return static_cast<float>(static_cast<double>(logits[static_cast<size_t>(id)]) - log_sum);
}

// The likeliest `count` ids with their log-probabilities, best first, ties: lower id first.
std::vector<std::pair<int32_t, float>> top_log_probabilities(std::span<const float> logits, double log_sum, int count);

class Sampler {
 public:
  // `allowed[id]` false: never sampled (rows of the head without a token). Ids beyond its size are not allowed.
  explicit Sampler(std::vector<bool> allowed) : allowed_(std::move(allowed)) {}

  // The token at `position`. Filters in this order: temperature, top_k, top_p, min_p; temperature 0 takes the likeliest
  // (ties: lower id), and so does one so small that dividing by it leaves float. Always an allowed token, whatever the
  // logits are.
  int32_t sample(std::span<const float> logits, const Sampling& sampling, int64_t position);

 private:
  struct Candidate {
    int32_t id;
    float weight;  // exp((logit - best) / temperature)
  };
  int32_t best(std::span<const float> logits) const;
  void filter(const Sampling& sampling, double sum);

  std::vector<bool> allowed_;
  std::vector<Candidate> candidates_;
};

}  // namespace r1
