#include "cli/cpu.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace r1 {
namespace {

std::string whole(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

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
