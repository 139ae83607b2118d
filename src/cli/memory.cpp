#include "cli/memory.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace r1 {
namespace {

// The number behind "Name:" in a file of lines "Name:   123 kB", in bytes.
uint64_t kilobytes(const std::string& text, const std::string& name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(name + ":")) return std::strtoull(line.c_str() + name.size() + 1, nullptr, 10) * 1024;
  }
  return 0;
}

std::string whole(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

uint64_t peak_memory() {
  const std::string status = whole("/proc/self/status");
  const uint64_t peak = kilobytes(status, "VmHWM"), file = kilobytes(status, "RssFile");
  return peak - std::min(peak, file);
}

uint64_t available_memory() {
  uint64_t available = kilobytes(whole("/proc/meminfo"), "MemAvailable");
  const std::string limit = whole("/sys/fs/cgroup/memory.max"), used = whole("/sys/fs/cgroup/memory.current");
  if (!limit.empty() && !used.empty() && limit[0] != 'm') {  // "max": no limit
    const uint64_t most = std::strtoull(limit.c_str(), nullptr, 10), now = std::strtoull(used.c_str(), nullptr, 10);
    // The group's page cache counts as used and can be given back.
    std::istringstream stat(whole("/sys/fs/cgroup/memory.stat"));
    uint64_t file = 0, value = 0;
    for (std::string key; stat >> key >> value;) {
      if (key == "inactive_file" || key == "active_file") file += value;
    }
    const uint64_t held = now - std::min(now, file);
    available = std::min(available, most - std::min(most, held));
  }
  return available;
}

Cpu this_cpu() {
  static const std::vector<std::string> kOfInterest = {
      "sse4_2",   "avx",      "f16c",        "fma",         "avx2",        "avx_vnni", "avx512f",  "avx512bw",
      "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16",
      "asimd",    "asimddp",  "i8mm",        "bf16",        "sve",         "sve2"};
  Cpu cpu;
  std::istringstream lines(whole("/proc/cpuinfo"));
  for (std::string line; std::getline(lines, line) && !line.empty();) {  // the first processor
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string value = colon + 2 <= line.size() ? line.substr(colon + 2) : "";
    if (line.starts_with("model name")) cpu.name = value;
    if (!line.starts_with("flags") && !line.starts_with("Features")) continue;
    std::istringstream words(value);
    for (std::string word; words >> word;) {
      if (std::find(kOfInterest.begin(), kOfInterest.end(), word) != kOfInterest.end())
        cpu.features += (cpu.features.empty() ? "" : " ") + word;
    }
  }
  return cpu;
}

}  // namespace r1
