// Cores: how much of the machine this process may use: its affinity mask, and the quota of its control groups.
#pragma once

#include <vector>

namespace r1 {

// One physical core: its logical CPUs (hyper-threads) that the calling thread may run on, ascending.
using Core = std::vector<int>;

// The physical cores of the calling thread's affinity mask, by lowest logical CPU. Never empty.
std::vector<Core> allowed_cores();

// CPU seconds per second that the control groups grant (docker --cpus, systemd CPUQuota); infinity without a limit.
double cpu_quota();

}  // namespace r1
