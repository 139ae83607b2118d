// The routers of model.md 3.8, one row at a time. Scores are rounded to float32 before they are compared, so that every
// backend breaks the same ties.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "compute/reference.h"

namespace r1 {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

std::vector<float> scores_of(const float* logits, const RouterRule& rule) {
  std::vector<float> scores(static_cast<size_t>(rule.experts));
  if (rule.scores == RouterRule::Scores::Sigmoid) {
    for (size_t e = 0; e < scores.size(); ++e)
      scores[e] = static_cast<float>(1 / (1 + std::exp(-static_cast<double>(logits[e]))));
    return scores;
  }
  const double highest = *std::max_element(logits, logits + rule.experts);
  double total = 0;
  for (int e = 0; e < rule.experts; ++e) total += std::exp(logits[e] - highest);
  for (size_t e = 0; e < scores.size(); ++e) scores[e] = static_cast<float>(std::exp(logits[e] - highest) / total);
  return scores;
}

// The indices of the `count` largest, in ascending order of index; of equals the lower index.
std::vector<int> largest(const std::vector<float>& values, int count) {
  std::vector<int> order(values.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  const auto rank = [&](int i) {  // NaN ranks lowest: a broken row still gets an answer, and no sort is misled
    const float value = values[static_cast<size_t>(i)];
    return std::isnan(value) ? kMinusInfinity : value;
  };
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return rank(a) > rank(b); });
  order.resize(static_cast<size_t>(count));
  std::sort(order.begin(), order.end());
  return order;
}

float group_score(const float* scores, int size, RouterRule::Groups judged_by) {
  float best = kMinusInfinity, second = kMinusInfinity;
  for (int e = 0; e < size; ++e) {
    if (scores[e] > best) {
      second = best;
      best = scores[e];
    } else if (scores[e] > second) {
      second = scores[e];
    }
  }
  return judged_by == RouterRule::Groups::TwoBest && size > 1 ? best + second : best;
}

// Experts outside the best groups can no longer be chosen: their scores become minus infinity.
void keep_best_groups(std::vector<float>& scores, const RouterRule& rule) {
  const int size = rule.experts / rule.group_count;
  std::vector<float> groups;
  for (int g = 0; g < rule.group_count; ++g) groups.push_back(group_score(scores.data() + g * size, size, rule.groups));
  const std::vector<int> kept = largest(groups, rule.groups_kept);
  for (int g = 0; g < rule.group_count; ++g) {
    if (std::binary_search(kept.begin(), kept.end(), g)) continue;
    std::fill_n(scores.begin() + g * size, size, kMinusInfinity);
  }
}

void route_row(const float* logits, const float* bias, const RouterRule& rule, int32_t* experts, float* weights) {
  const std::vector<float> scores = scores_of(logits, rule);
  std::vector<float> choice = scores;
  for (size_t e = 0; bias != nullptr && e < choice.size(); ++e) choice[e] += bias[e];
  if (rule.groups != RouterRule::Groups::None && rule.group_count > 1) keep_best_groups(choice, rule);

  const std::vector<int> chosen = largest(choice, rule.chosen);
  double total = 0;
  for (int e : chosen) total += scores[static_cast<size_t>(e)];
  if (rule.scores == RouterRule::Scores::Sigmoid) total += 1e-20;
  for (size_t i = 0; i < chosen.size(); ++i) {
    const double score = scores[static_cast<size_t>(chosen[i])];
    experts[i] = chosen[i];
    weights[i] = static_cast<float>((rule.normalise ? score / total : score) * rule.factor);
  }
}

}  // namespace

void ReferenceBackend::route(Tensor logits, Tensor bias, const RouterRule& rule, std::span<int32_t> experts,
                             std::span<float> weights) {
  for (int64_t r = 0; r < logits.rows(); ++r) {
    const auto first = static_cast<size_t>(r * rule.chosen);
    route_row(logits.f32(r), bias.empty() ? nullptr : bias.f32(), rule, &experts[first], &weights[first]);
  }
}

}  // namespace r1
