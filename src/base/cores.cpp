#include "base/cores.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <map>
#include <string>
#include <thread>

#include "base/control_groups.h"

namespace r1 {
namespace {

constexpr double kUnlimited = std::numeric_limits<double>::infinity();

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// Version 2: "max 100000" or "150000 100000".
double quota_of_group(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  double quota = 0, period = 0;
  return file >> quota >> period && quota > 0 && period > 0 ? quota / period : kUnlimited;
}

double quota_of_version_1() {
  std::ifstream quota_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), period_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  double quota = 0, period = 0;  // a quota of -1 is none
  return quota_file >> quota && period_file >> period && quota > 0 && period > 0 ? quota / period : kUnlimited;
}

}  // namespace

std::vector<Core> allowed_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  std::vector<Core> cores;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) {  // more CPUs than the set can name
    for (unsigned cpu = 0; cpu < std::max(1u, std::thread::hardware_concurrency()); ++cpu) {
      cores.push_back({static_cast<int>(cpu)});
    }
    return cores;
  }
  std::map<std::string, size_t> core_of;  // hyper-threads of one core name the same siblings
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    const std::string name = std::to_string(cpu);
    std::string siblings = first_line("/sys/devices/system/cpu/cpu" + name + "/topology/thread_siblings_list");
    const auto [place, is_new] = core_of.emplace(siblings.empty() ? "cpu" + name : siblings, cores.size());
    if (is_new) cores.emplace_back();
    cores[place->second].push_back(cpu);
  }
  return cores;
}

double cpu_quota() {
  double quota = quota_of_version_1();
  for (const std::string& folder : control_groups()) quota = std::min(quota, quota_of_group(folder));
  return quota;
}

}  // namespace r1
