#include "base/control_groups.h"

#include <fstream>

namespace r1 {

std::vector<std::string> control_groups() {
  const std::string root = "/sys/fs/cgroup";
  std::vector<std::string> folders;
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("0::/")) continue;  // version 2's line: "0::/user.slice/…"
    for (std::string group = line.substr(3); group.size() > 1; group.resize(group.rfind('/')))
      folders.push_back(root + group);
  }
  folders.push_back(root);
  return folders;
}

}  // namespace r1
