// The divisors of rotary frequencies that GGUF stores as the tensor rope_freqs, and the llama3 scaling that the hub's
// config states instead (model.md 3.4): each can be made from the other.
#pragma once

#include <optional>
#include <span>
#include <vector>

namespace r1 {

struct Llama3Scaling {
  double factor = 8, low_freq_factor = 1, high_freq_factor = 4, original_context = 8192;
};

// f/f' for each of width/2 frequencies.
std::vector<float> llama3_divisors(const Llama3Scaling& scaling, double theta, int width);

// The scaling that makes these divisors, if one with the published low and high factors (1 and 4) does.
std::optional<Llama3Scaling> llama3_scaling_of(std::span<const float> divisors, double theta);

}  // namespace r1
