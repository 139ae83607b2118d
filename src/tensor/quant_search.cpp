#include "tensor/quant_search.h"

#include <array>

#include "tensor/block_layout.h"

namespace r1 {
namespace {

constexpr float kNothing = 1e-15f;  // below this a group counts as zero

// Sums of a least-squares fit x ≈ scale·code with weights x²: scale = xl/ll, merit = xl²/ll.
struct Fit {
  float xl = 0, ll = 0;
  void add(float x, float code) {
    const float w = x * x;
    xl += w * x * code;
    ll += w * code * code;
  }
  float scale() const { return ll != 0 ? xl / ll : 0; }
  bool beats(float merit) const { return ll > 0 && xl * xl > merit * ll; }
};

}  // namespace

float peak_of(std::span<const float> x) {
  float peak = 0;
  for (const float value : x) {
    if (std::fabs(value) > std::fabs(peak)) peak = value;
  }
  return peak;
}

float search_symmetric(std::span<const float> x, int limit, uint8_t* codes) {
  const float peak = peak_of(x);
  if (std::fabs(peak) < kNothing) {
    std::fill_n(codes, x.size(), uint8_t{0});
    return 0;
  }
  std::array<int, 32> tried;
  const auto fit_with = [&](float inverse) {
    Fit fit;
    for (size_t i = 0; i < x.size(); ++i) {
      tried[i] = clamp_code(nearest(inverse * x[i]), -limit, limit - 1);
      fit.add(x[i], static_cast<float>(tried[i]));
    }
    return fit;
  };
  const auto keep = [&] {
    for (size_t i = 0; i < x.size(); ++i) codes[i] = static_cast<uint8_t>(tried[i] + limit);
  };
  Fit fit = fit_with(-static_cast<float>(limit) / peak);
  keep();
  float scale = fit.scale(), merit = scale * fit.xl;
  for (int k = -9; k <= 9; ++k) {
    if (k == 0) continue;
    fit = fit_with(-(static_cast<float>(limit) + 0.1f * static_cast<float>(k)) / peak);
    if (!fit.beats(merit)) continue;
    keep();
    scale = fit.scale();
    merit = scale * fit.xl;
  }
  return scale;
}

float refine_symmetric(std::span<const float> x, int limit) {
  const float peak = peak_of(x);
  if (std::fabs(peak) < kNothing) return 0;
  const float inverse = -static_cast<float>(limit) / peak;
  std::array<int, 32> codes;
  Fit fit;
  for (size_t i = 0; i < x.size(); ++i) {
    codes[i] = clamp_code(nearest(inverse * x[i]), -limit, limit - 1);
    fit.add(x[i], static_cast<float>(codes[i]));
  }
  for (int round = 0; round < 5; ++round) {
    bool changed = false;
    for (size_t i = 0; i < x.size(); ++i) {
      const float w = x[i] * x[i], code = static_cast<float>(codes[i]);
      Fit other = {fit.xl - w * x[i] * code, fit.ll - w * code * code};
      if (!(other.xl > 0)) continue;
      const int better = clamp_code(nearest(x[i] * other.ll / other.xl), -limit, limit - 1);
      if (better == codes[i]) continue;
      other.add(x[i], static_cast<float>(better));
      if (!(other.ll > 0 && other.xl * other.xl * fit.ll > fit.xl * fit.xl * other.ll)) continue;
      codes[i] = better;
      fit = other;
      changed = true;
    }
    if (!changed) break;
  }
  return fit.ll > 0 ? fit.xl / fit.ll : 0;
}

ScaleAndMin search_asymmetric(std::span<const float> x, std::span<const float> weights, const AsymmetricSearch& how,
                              uint8_t* codes) {
  float low = x[0], high = x[0], sum_w = weights[0], sum_wx = weights[0] * x[0];
  for (size_t i = 1; i < x.size(); ++i) {
    low = std::min(low, x[i]);
    high = std::max(high, x[i]);
    sum_w += weights[i];
    sum_wx += weights[i] * x[i];
  }
  low = std::min(low, 0.0f);
  std::fill_n(codes, x.size(), uint8_t{0});
  if (high == low) return {0, -low};

  std::array<uint8_t, 32> tried;
  const auto code_all = [&](float inverse) {
    for (size_t i = 0; i < x.size(); ++i) {
      tried[i] = static_cast<uint8_t>(clamp_code(nearest(inverse * (x[i] - low)), 0, how.limit));
    }
  };
  const auto error_of = [&](float scale, float min) {
    float error = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const float delta = scale * static_cast<float>(tried[i]) + min - x[i];
      error += weights[i] * (how.absolute ? std::fabs(delta) : delta * delta);
    }
    return error;
  };
  const float limit = static_cast<float>(how.limit);
  const float first = limit / (high - low);
  float scale = 1 / first;
  code_all(first);
  std::copy_n(tried.begin(), x.size(), codes);
  float best = error_of(scale, low);
  for (int k = 0; k <= how.steps; ++k) {
    code_all((how.first + how.step * static_cast<float>(k) + limit) / (high - low));
    float sum_wl = 0, sum_wll = 0, sum_wlx = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const float l = static_cast<float>(tried[i]), wl = weights[i] * l;
      sum_wl += wl;
      sum_wll += wl * l;
      sum_wlx += wl * x[i];
    }
    const float determinant = sum_w * sum_wll - sum_wl * sum_wl;
    if (!(determinant > 0)) continue;
    float fitted = (sum_w * sum_wlx - sum_wx * sum_wl) / determinant;
    float min = (sum_wll * sum_wx - sum_wl * sum_wlx) / determinant;
    if (min > 0) {
      min = 0;
      fitted = sum_wlx / sum_wll;
    }
    const float error = error_of(fitted, min);
    if (!(error < best)) continue;
    std::copy_n(tried.begin(), x.size(), codes);
    best = error;
    scale = fitted;
    low = min;  // also the start of the codes tried from here on: what the reference encoder does, hence its bytes
  }
  return {scale, -low};
}

int nearest_iq4(float x) {
  if (!(x > kIq4Values[0])) return 0;
  if (x >= kIq4Values[15]) return 15;
  int below = 0, above = 15;
  while (above - below > 1) {
    const int middle = (below + above) / 2;
    (x < kIq4Values[middle] ? above : below) = middle;
  }
  return x - kIq4Values[above - 1] < kIq4Values[above] - x ? above - 1 : above;
}

float search_iq4(std::span<const float> x) {
  const float peak = peak_of(x);
  if (std::fabs(peak) < kNothing) return 0;
  const auto fit_with = [&](float inverse) {
    Fit fit;
    for (const float value : x) fit.add(value, kIq4Values[nearest_iq4(inverse * value)]);
    return fit;
  };
  Fit fit = fit_with(1 / (-peak / kIq4Values[0]));
  float scale = fit.scale(), merit = scale * fit.xl;
  for (int k = -7; k <= 7; ++k) {
    fit = fit_with(static_cast<float>(k + kIq4Values[0]) / peak);
    if (!fit.beats(merit)) continue;
    scale = fit.scale();
    merit = scale * fit.xl;
  }
  return scale;
}

}  // namespace r1
