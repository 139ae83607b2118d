// Memory as the system counts it: what is left, and what this process has held.
#pragma once

#include <cstddef>

namespace r1 {

// Bytes this process may still take: what the machine has available, or what its control group allows, whichever is
// less. Never 0 for want of knowledge: the largest number where nothing is known.
size_t available_memory();

// The most this process has held: VmHWM without the clean pages of files that are mapped now (RssFile). 0 where
// unknown.
size_t peak_memory();

}  // namespace r1
