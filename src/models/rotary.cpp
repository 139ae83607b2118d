#include "models/rotary.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace r1 {
namespace {

// High frequencies stay, low ones are divided, those between go from one to the other.
double llama3_frequency(const RopeConfig& rope, double f) {
  const double wavelength = 2 * std::numbers::pi / f;
  if (wavelength < rope.original_context / rope.high_freq_factor) return f;
  if (wavelength > rope.original_context / rope.low_freq_factor) return f / rope.factor;
  const double s =
      (rope.original_context / wavelength - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
  return f * ((1 - s) / rope.factor + s);
}

// Frequencies that turn more than beta_fast times in the original context keep their period, so that short-range order
// survives.
std::vector<double> yarn_frequencies(const RopeConfig& rope, std::vector<double> f) {
  const double n = rope.width;
  const auto index_of = [&](double turns) {
    return n * std::log(rope.original_context / (2 * std::numbers::pi * turns)) / (2 * std::log(rope.theta));
  };
  const double low = std::max(std::floor(index_of(rope.beta_fast)), 0.0);
  double high = std::min(std::ceil(index_of(rope.beta_slow)), n - 1);
  if (low == high) high += 0.001;
  for (size_t i = 0; i < f.size(); ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    f[i] = f[i] * (1 - ramp) + f[i] / rope.factor * ramp;
  }
  return f;
}

}  // namespace

Rotary::Rotary(const RopeConfig& rope, std::span<const float> divisors) : factor_(rope.cos_sin_factor) {
  using Scaling = RopeConfig::Scaling;
  for (int i = 0; i < rope.width / 2; ++i) frequencies_.push_back(std::pow(rope.theta, -2.0 * i / rope.width));
  R1_CHECK(divisors.size() == (rope.scaling == Scaling::Divisors ? frequencies_.size() : 0), "{} divisors",
           divisors.size());
  if (rope.scaling == Scaling::Yarn) {
    frequencies_ = yarn_frequencies(rope, std::move(frequencies_));
    return;
  }
  for (size_t i = 0; i < frequencies_.size(); ++i) {
    double& f = frequencies_[i];
    if (rope.scaling == Scaling::Linear) f /= rope.factor;
    if (rope.scaling == Scaling::Llama3) f = llama3_frequency(rope, f);
    if (rope.scaling == Scaling::Divisors) f /= divisors[i];
  }
}

void Rotary::fill(Tensor cos_sin, std::span<const int32_t> positions) const {
  const size_t half = frequencies_.size();
  R1_CHECK(cos_sin.rows() == static_cast<int64_t>(positions.size()) && cos_sin.cols() == static_cast<int64_t>(2 * half),
           "{} for {} positions of {}", cos_sin.shape_text(), positions.size(), 2 * half);
  for (size_t row = 0; row < positions.size(); ++row) {
    float* values = cos_sin.f32(static_cast<int64_t>(row));
    for (size_t i = 0; i < half; ++i) {
      const double angle = positions[row] * frequencies_[i];
      values[i] = static_cast<float>(std::cos(angle) * factor_);
      values[half + i] = static_cast<float>(std::sin(angle) * factor_);
    }
  }
}

}  // namespace r1
