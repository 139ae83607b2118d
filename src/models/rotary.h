// Rotary: the frequencies of a rope config (model.md 3.3 to 3.5), and the cosines and sines of the positions of one
// pass.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/config.h"
#include "tensor/tensor.h"

namespace r1 {

class Rotary {
 public:
  // `divisors`: width/2 numbers that divide the frequencies, for Scaling::Divisors only.
  explicit Rotary(const RopeConfig& rope, std::span<const float> divisors = {});

  std::span<const double> frequencies() const { return frequencies_; }

  // Row i of cos_sin, F32 [positions.size(), width], becomes the width/2 cosines and then the width/2 sines at
  // positions[i], times the config's factor. Angles are formed in double, and per pass: some microseconds a row, at any
  // position, without a table as long as the context.
  void fill(Tensor cos_sin, std::span<const int32_t> positions) const;

 private:
  std::vector<double> frequencies_;
  double factor_;
};

}  // namespace r1
