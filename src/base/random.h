// Randomness by counters: a number is a function of (seed, stream, index), never of time, thread or neighbours.
// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): the same on every device.
#pragma once

#include <array>
#include <cstdint>

namespace r1 {

// The 128 random bits at (seed, stream, index).
std::array<uint32_t, 4> philox(uint64_t seed, uint64_t stream, uint64_t index);

// Uniform in [0, 1): 53 bits of philox(seed, stream, index).
double uniform(uint64_t seed, uint64_t stream, uint64_t index);

// Standard normal (Box-Muller on the same bits).
double normal(uint64_t seed, uint64_t stream, uint64_t index);

}  // namespace r1
