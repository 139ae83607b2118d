// The processor, for people.
#pragma once

#include <string>

namespace r1 {

// The CPU as /proc/cpuinfo has it: its name, and those of its features that our kernels care about ("avx2 avx512f …").
struct Cpu {
  std::string name, features;
};
Cpu this_cpu();

}  // namespace r1
