#include "base/random.h"

#include <cmath>
#include <numbers>

namespace r1 {

std::array<uint32_t, 4> philox(uint64_t seed, uint64_t stream, uint64_t index) {
  constexpr uint32_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
  constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  std::array<uint32_t, 4> c = {static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32),
                               static_cast<uint32_t>(stream), static_cast<uint32_t>(stream >> 32)};
  uint32_t key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{kMultiplier0} * c[0], product1 = uint64_t{kMultiplier1} * c[2];
    c = {static_cast<uint32_t>(product1 >> 32) ^ c[1] ^ key0, static_cast<uint32_t>(product1),
         static_cast<uint32_t>(product0 >> 32) ^ c[3] ^ key1, static_cast<uint32_t>(product0)};
    key0 += kWeyl0;
    key1 += kWeyl1;
  }
  return c;
}

namespace {

double unit(uint32_t high, uint32_t low) {  // 53 bits -> [0, 1)
  return static_cast<double>((uint64_t{high} << 21) ^ (low >> 11)) * 0x1.0p-53;
}

}  // namespace

double uniform(uint64_t seed, uint64_t stream, uint64_t index) {
  const auto bits = philox(seed, stream, index);
  return unit(bits[0], bits[1]);
}

double normal(uint64_t seed, uint64_t stream, uint64_t index) {
  const auto bits = philox(seed, stream, index);
  const double radius = std::sqrt(-2.0 * std::log1p(-unit(bits[0], bits[1])));
  return radius * std::cos(2.0 * std::numbers::pi * unit(bits[2], bits[3]));
}

}  // namespace r1
