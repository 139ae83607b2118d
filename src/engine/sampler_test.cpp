#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/random.h"

namespace r1 {
namespace {

std::vector<float> random_logits(size_t count, uint64_t seed, double spread = 3) {
  std::vector<float> logits(count);
  for (size_t i = 0; i < count; ++i) logits[i] = static_cast<float>(spread * normal(seed, 1, i));
  return logits;
}

double exact_log_sum(const std::vector<float>& logits) {
  long double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<long double>(logit));
  return static_cast<double>(std::log(sum));
}

TEST(LogSumExp, AgreesWithLongDouble) {
  for (const size_t count : {1u, 7u, 16u, 17u, 1000u, 49152u}) {
    for (const double spread : {0.1, 3.0, 20.0}) {
      const auto logits = random_logits(count, count, spread);
      EXPECT_NEAR(log_sum_exp(logits), exact_log_sum(logits), 3e-7) << count << " " << spread;
    }
  }
  EXPECT_NEAR(log_sum_exp(std::vector<float>{1000, 1000}), 1000 + std::log(2), 1e-6);
  EXPECT_NEAR(log_sum_exp(std::vector<float>{-1e30f, 5}), 5, 1e-6);
}

TEST(TopLogProbabilities, BestFirstAndLowerIdOnTies) {
  const std::vector<float> logits = {1, 3, 2, 3, -1};
  const auto top = top_log_probabilities(logits, log_sum_exp(logits), 3);
  ASSERT_EQ(top.size(), 3u);
  EXPECT_EQ(top[0].first, 1);
  EXPECT_EQ(top[1].first, 3);
  EXPECT_EQ(top[2].first, 2);
  EXPECT_EQ(top_log_probabilities(logits, 0, 99).size(), 5u);
}

TEST(Sampler, TemperatureZeroTakesTheLikeliestAllowed) {
  Sampler sampler({true, true, false, true});
  EXPECT_EQ(sampler.sample(std::vector<float>{1, 2, 9, 2, 99}, {.temperature = 0}, 5),
            1);  // 2 and 4 are not allowed; ties: lower id
}

// The same filters written the slow way: sort everything.
std::map<int32_t, double> slow_distribution(const std::vector<float>& logits, const Sampling& sampling) {
  std::vector<std::pair<double, int32_t>> order;
  const double best = *std::max_element(logits.begin(), logits.end());
  for (size_t i = 0; i < logits.size(); ++i) {
    order.emplace_back(std::exp((static_cast<double>(logits[i]) - best) / static_cast<double>(sampling.temperature)),
                       static_cast<int32_t>(i));
  }
  std::stable_sort(order.begin(), order.end(), [](auto& a, auto& b) { return a.first > b.first; });
  if (sampling.top_k > 0 && order.size() > static_cast<size_t>(sampling.top_k))
    order.resize(static_cast<size_t>(sampling.top_k));
  double total = 0, reached = 0;
  for (const auto& [weight, id] : order) total += weight;
  size_t kept = order.size();
  if (sampling.top_p < 1) {
    for (kept = 0; kept < order.size();) {
      reached += order[kept++].first;
      if (reached >= static_cast<double>(sampling.top_p) * total) break;
    }
  }
  std::map<int32_t, double> distribution;
  double sum = 0;
  for (size_t i = 0; i < kept; ++i) {
    if (order[i].first >= static_cast<double>(sampling.min_p)) sum += distribution[order[i].second] = order[i].first;
  }
  for (auto& [id, weight] : distribution) weight /= sum;
  return distribution;
}

TEST(Sampler, DrawsFromTheFilteredDistribution) {
  const auto logits = random_logits(200, 3, 2);
  Sampler sampler(std::vector<bool>(200, true));
  for (Sampling sampling :
       {Sampling{.temperature = 1, .top_p = 1}, Sampling{.temperature = 0.6f, .top_p = 0.95f},
        Sampling{.temperature = 1.5f, .top_p = 0.999999f}, Sampling{.temperature = 1, .top_p = 1, .top_k = 5},
        Sampling{.temperature = 1, .top_p = 0.5f, .top_k = 20},
        Sampling{.temperature = 1, .top_p = 1, .min_p = 0.1f}}) {
    const auto expected = slow_distribution(logits, sampling);
    std::map<int32_t, int> seen;
    constexpr int kDraws = 40000;
    for (int i = 0; i < kDraws; ++i) {
      sampling.seed = static_cast<uint64_t>(i);
      ++seen[sampler.sample(logits, sampling, 17)];
    }
    for (const auto& [id, count] : seen) EXPECT_TRUE(expected.contains(id)) << id;
    for (const auto& [id, p] : expected) {
      const double sigma = std::sqrt(kDraws * p * (1 - p));
      EXPECT_NEAR(seen[id], kDraws * p, 5 * sigma + 3) << id;
    }
  }
}

TEST(Sampler, IsAFunctionOfSeedAndPosition) {
  const auto logits = random_logits(50, 9, 0.5);
  Sampler sampler(std::vector<bool>(50, true)), other(std::vector<bool>(50, true));
  std::map<int32_t, int> by_position, by_seed;
  for (int64_t i = 0; i < 100; ++i) {
    const Sampling sampling{.temperature = 1, .top_p = 1, .seed = 4};
    EXPECT_EQ(sampler.sample(logits, sampling, i), other.sample(logits, sampling, i));
    ++by_position[sampler.sample(logits, sampling, i)];
    ++by_seed[sampler.sample(logits, {.temperature = 1, .top_p = 1, .seed = static_cast<uint64_t>(i)}, 4)];
  }
  EXPECT_GT(by_position.size(), 20u);
  EXPECT_GT(by_seed.size(), 20u);
}

TEST(Sampler, ExtremeTemperatures) {
  const auto logits = random_logits(50, 9, 5);
  Sampler sampler(std::vector<bool>(50, true));
  const int32_t best = static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  EXPECT_EQ(sampler.sample(logits, {.temperature = 1e-30f, .top_p = 1}, 0), best);
  EXPECT_EQ(sampler.sample(logits, {.temperature = 1, .top_p = 0}, 0), best);
  EXPECT_GE(sampler.sample(logits, {.temperature = 1e30f, .top_p = 1}, 0), 0);
  for (const float top_p : {1.0f, 0.95f}) {  // 1 / 1e-40 is infinite in float
    EXPECT_EQ(sampler.sample(logits, {.temperature = 1e-40f, .top_p = top_p}, 0), best);
    EXPECT_EQ(sampler.sample(logits, {.temperature = std::numeric_limits<float>::denorm_min(), .top_p = top_p}, 0),
              best);
  }
}

TEST(Sampler, LogitsThatAreNotFinite) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInf = std::numeric_limits<float>::infinity();
  Sampler sampler({false, true, true, true});
  for (const float temperature : {0.0f, 1e-40f, 1.0f, kInf}) {
    for (const float top_p : {1.0f, 0.95f}) {
      const Sampling sampling{.temperature = temperature, .top_p = top_p};
      EXPECT_EQ(sampler.sample(std::vector<float>{9, kNan, -kInf, 2}, sampling, 0), 3);
      EXPECT_EQ(sampler.sample(std::vector<float>{9, 1, kInf, kNan}, sampling, 0), 2);
      EXPECT_EQ(sampler.sample(std::vector<float>{9, kNan, kNan, kNan}, sampling, 0), 3);
      EXPECT_EQ(sampler.sample(std::vector<float>{9, -kInf, -kInf, -kInf}, sampling, 0), 1);
    }
  }
}

TEST(AllFinite, FindsOneAnywhere) {
  for (const size_t at : {0u, 7u, 99u}) {
    for (const float wrong : {NAN, INFINITY, -INFINITY}) {
      std::vector<float> logits = random_logits(100, 1);
      EXPECT_TRUE(all_finite(logits));
      logits[at] = wrong;
      EXPECT_FALSE(all_finite(logits));
      log_sum_exp(logits);  // whatever comes of it: nothing undefined on the way, sanitizers say
    }
  }
}

}  // namespace
}  // namespace r1
