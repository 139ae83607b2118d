#include "engine/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/error.h"
#include "base/random.h"

namespace r1 {
namespace {

// exp(x) for x <= 0 in float, 2 ulp, in a form that compilers turn into vectors: 2^n times a polynomial on [-ln2/2,
// ln2/2].
inline float exp_of_negative(float x) {
  x = std::max(-87.0f, x);  // in this order: a NaN becomes -87
  const float n = std::floor(x * 1.44269504f + 0.5f);
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  return p * std::bit_cast<float>((static_cast<int32_t>(n) + 127) << 23);
}

}  // namespace

bool all_finite(std::span<const float> logits) {
  constexpr uint32_t kExponent = 0x7f800000;
  uint32_t found = 0;
  for (const float logit : logits) found |= (std::bit_cast<uint32_t>(logit) & kExponent) == kExponent ? 1 : 0;
  return found == 0;
}

double log_sum_exp(std::span<const float> logits) {
  constexpr size_t kLanes = 16;
  const float best = *std::max_element(logits.begin(), logits.end());
  double sums[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= logits.size(); i += kLanes) {
    float terms[kLanes];
    for (size_t lane = 0; lane < kLanes; ++lane) terms[lane] = exp_of_negative(logits[i + lane] - best);
    for (size_t lane = 0; lane < kLanes; ++lane) sums[lane] += static_cast<double>(terms[lane]);
  }
  double sum = 0;
  for (; i < logits.size(); ++i) sum += static_cast<double>(exp_of_negative(logits[i] - best));
  for (const double part : sums) sum += part;
  return static_cast<double>(best) + std::log(sum);
}

std::vector<std::pair<int32_t, float>> top_log_probabilities(std::span<const float> logits, double log_sum, int count) {
  std::vector<int32_t> ids(logits.size());
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(i);
  const size_t keep = std::min(ids.size(), static_cast<size_t>(std::max(count, 0)));
  const auto better = [&](int32_t a, int32_t b) {
    const float x = logits[static_cast<size_t>(a)], y = logits[static_cast<size_t>(b)];
    return x != y ? x > y : a < b;
  };
  std::partial_sort(ids.begin(), ids.begin() + static_cast<ptrdiff_t>(keep), ids.end(), better);
  std::vector<std::pair<int32_t, float>> top;
  for (size_t i = 0; i < keep; ++i) top.emplace_back(ids[i], log_probability(logits, log_sum, ids[i]));
  return top;
}

int32_t Sampler::best(std::span<const float> logits) const {
  int32_t best = -1;
  for (size_t id = 0; id < std::min(logits.size(), allowed_.size()); ++id) {
    if (!allowed_[id]) continue;
    const bool better =
        best < 0 || logits[id] > logits[static_cast<size_t>(best)] || std::isnan(logits[static_cast<size_t>(best)]);
    if (better) best = static_cast<int32_t>(id);
  }
  R1_CHECK(best >= 0, "none of {} tokens is allowed", logits.size());
  return best;
}

int32_t Sampler::sample(std::span<const float> logits, const Sampling& sampling, int64_t position) {
  const int32_t likeliest = best(logits);
  const float top = logits[static_cast<size_t>(likeliest)], inverse = 1.0f / sampling.temperature;
  if (!(sampling.temperature > 0) || !std::isfinite(inverse) || sampling.top_k == 1) return likeliest;
  candidates_.clear();
  double sum = 0;
  for (size_t id = 0; id < std::min(logits.size(), allowed_.size()); ++id) {
    if (!allowed_[id]) continue;
    const float scaled = (logits[id] - top) * inverse;
    if (!(scaled > -60.0f)) continue;  // below 1e-26 of the likeliest: beyond what a draw of 53 bits can hit
    candidates_.push_back({static_cast<int32_t>(id), exp_of_negative(scaled)});
    sum += static_cast<double>(candidates_.back().weight);
  }
  if (candidates_.empty()) return likeliest;  // not even the likeliest is finite
  filter(sampling, sum);
  double total = 0;
  for (const Candidate& candidate : candidates_) total += static_cast<double>(candidate.weight);
  double left = uniform(sampling.seed, 0, static_cast<uint64_t>(position)) * total;
  for (const Candidate& candidate : candidates_) {
    left -= static_cast<double>(candidate.weight);
    if (left < 0) return candidate.id;
  }
  return candidates_.back().id;
}

// Leaves in candidates_ what top_k, top_p and min_p leave, likeliest first where any of them is on. `sum` is of all
// weights.
void Sampler::filter(const Sampling& sampling, double sum) {
  const bool by_rank = sampling.top_k > 0 || sampling.top_p < 1;
  if (!by_rank && sampling.min_p <= 0) return;
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.id < b.id;
  };
  if (by_rank) {
    // Most of the vocabulary is far below the filter: sort what carries weight, the rest only if it is needed.
    const auto middle = std::partition(candidates_.begin(), candidates_.end(),
                                       [&](const Candidate& c) { return static_cast<double>(c.weight) > 1e-5 * sum; });
    std::sort(candidates_.begin(), middle, better);
    double head = 0;
    for (auto it = candidates_.begin(); it != middle; ++it) head += static_cast<double>(it->weight);
    const auto sorted = static_cast<size_t>(middle - candidates_.begin());
    const bool enough = (sampling.top_k > 0 && sorted >= static_cast<size_t>(sampling.top_k)) ||
                        (sampling.top_k <= 0 && head >= static_cast<double>(sampling.top_p) * sum);
    if (!enough) std::sort(middle, candidates_.end(), better);
    if (sampling.top_k > 0 && candidates_.size() > static_cast<size_t>(sampling.top_k)) {
      candidates_.resize(static_cast<size_t>(sampling.top_k));
    }
  }
  if (sampling.top_p < 1) {
    double total = 0;  // of what top_k left
    for (const Candidate& c : candidates_) total += static_cast<double>(c.weight);
    double reached = 0;
    size_t kept = 0;
    while (kept < candidates_.size()) {
      reached += static_cast<double>(candidates_[kept++].weight);
      if (reached >= static_cast<double>(sampling.top_p) * total) break;
    }
    candidates_.resize(std::max<size_t>(kept, 1));
  }
  if (sampling.min_p > 0) {
    std::erase_if(candidates_,
                  [&](const Candidate& c) { return c.weight < sampling.min_p; });  // the likeliest has weight 1
  }
}

}  // namespace r1
