// Memory, as the kernel counts it.
#pragma once

#include <cstdint>
#include <string>

namespace r1 {

// The most this process has held: VmHWM without the clean pages of files that are mapped now (RssFile). 0 where
// unknown.
uint64_t peak_memory();

// What could be taken without swapping: MemAvailable, or what the control group leaves. 0 where unknown.
uint64_t available_memory();

// The CPU as /proc/cpuinfo has it: its name, and those of its features that our kernels care about ("avx2 avx512f …").
struct Cpu {
  std::string name, features;
};
Cpu this_cpu();

}  // namespace r1
