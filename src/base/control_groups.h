// Control groups (version 2): the kernel's limits on what a group of processes may take.
#pragma once

#include <string>
#include <vector>

namespace r1 {

// The folders of this process's group and of every group above it, the root's ("/sys/fs/cgroup") last: a limit of any
// of them holds. The root alone where nothing is known.
std::vector<std::string> control_groups();

}  // namespace r1
