#include "base/memory.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>

#include "base/control_groups.h"

namespace r1 {
namespace {

constexpr size_t kUnlimited = std::numeric_limits<size_t>::max();

// The number behind the word `field` that begins a line; kUnlimited if there is none.
size_t number_behind(const std::string& path, std::string_view field) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.size() <= field.size() || !line.starts_with(field) ||
        !std::isspace(static_cast<unsigned char>(line[field.size()])))
      continue;
    return std::strtoull(line.c_str() + field.size(), nullptr, 10);
  }
  return kUnlimited;
}

size_t number_in(const std::string& path) {
  std::ifstream file(path);
  size_t number = 0;
  return file >> number ? number : kUnlimited;  // also for "max"
}

// What the control group (version 2) at `folder` has left. Cached files are given up under pressure: they do not count
// as used.
size_t left_in_group(const std::string& folder) {
  const size_t limit = number_in(folder + "/memory.max");
  if (limit == kUnlimited) return kUnlimited;
  const size_t used = number_in(folder + "/memory.current"), cached = number_behind(folder + "/memory.stat", "file");
  if (used == kUnlimited) return limit;
  const size_t kept = used - std::min(used, cached == kUnlimited ? 0 : cached);
  return limit - std::min(limit, kept);
}

size_t left_in_groups() {
  size_t left = kUnlimited;
  for (const std::string& folder : control_groups()) left = std::min(left, left_in_group(folder));
  return left;
}

}  // namespace

size_t available_memory() {
  const size_t kilobytes = number_behind("/proc/meminfo", "MemAvailable:");
  return std::min(kilobytes == kUnlimited ? kUnlimited : kilobytes * 1024, left_in_groups());
}

size_t peak_memory() {
  const size_t peak = number_behind("/proc/self/status", "VmHWM:"),
               file = number_behind("/proc/self/status", "RssFile:");
  if (peak == kUnlimited || file == kUnlimited) return 0;
  return (peak - std::min(peak, file)) * 1024;
}

}  // namespace r1
