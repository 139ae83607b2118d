#include "formats/rope_divisors.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace r1 {

std::vector<float> llama3_divisors(const Llama3Scaling& scaling, double theta, int width) {
  std::vector<float> divisors(static_cast<size_t>(width / 2));
  for (size_t i = 0; i < divisors.size(); ++i) {
    const double frequency = std::pow(theta, -2.0 * static_cast<double>(i) / width);
    const double wavelength = 2 * std::numbers::pi / frequency;
    double divisor = scaling.factor;
    if (wavelength < scaling.original_context / scaling.high_freq_factor) {
      divisor = 1;
    } else if (wavelength <= scaling.original_context / scaling.low_freq_factor) {
      const double smooth = (scaling.original_context / wavelength - scaling.low_freq_factor) /
                            (scaling.high_freq_factor - scaling.low_freq_factor);
      divisor = 1 / ((1 - smooth) / scaling.factor + smooth);
    }
    divisors[i] = static_cast<float>(divisor);
  }
  return divisors;
}

std::optional<Llama3Scaling> llama3_scaling_of(std::span<const float> divisors, double theta) {
  if (divisors.empty()) return std::nullopt;
  Llama3Scaling scaling;
  scaling.factor = *std::max_element(divisors.begin(), divisors.end());
  for (scaling.original_context = 16; scaling.original_context <= 1 << 24; scaling.original_context *= 2) {
    const auto made = llama3_divisors(scaling, theta, static_cast<int>(2 * divisors.size()));
    const bool same = std::equal(made.begin(), made.end(), divisors.begin(),
                                 [](float a, float b) { return std::fabs(a - b) <= 1e-4f * b; });
    if (same) return scaling;
  }
  return std::nullopt;
}

}  // namespace r1
