#include "compute/cpu/dispatch.h"

#ifdef R1_X86
#include <cpuid.h>
#endif

#include <algorithm>
#include <array>
#include <iterator>
#include <vector>

#include "base/error.h"
#include "compute/backend.h"

namespace r1 {

extern const Kernels kernels_generic;
#ifdef R1_X86
extern const Kernels kernels_avx2, kernels_avx512, kernels_avx512bf16;
#endif

namespace {

// Every name of decisions.md 12, so that a set of another machine is told from a slip of the pen.
constexpr std::array<std::string_view, 8> kNames = {"reference", "generic", "avx2", "avx2vnni",
                                                    "avx512",    "amx",     "neon", "neon-i8mm"};

#ifdef R1_X86
// Clang 14 has no name for it in __builtin_cpu_supports.
bool has_f16c() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

#ifdef R1_X86
// `layer`, and what it lacks from `below`.
Kernels over(const Kernels& below, const Kernels& layer) {
  Kernels both = below;
  for (int form = 0; form < kPanelForms; ++form) {
    if (layer.matmul.make_panel[form] != nullptr) both.matmul.make_panel[form] = layer.matmul.make_panel[form];
    if (layer.matmul.peak[form] != nullptr) both.matmul.peak[form] = layer.matmul.peak[form];
  }
  for (int type = 0; type < kDTypes; ++type) {
    if (layer.matmul.types[type].multiply[0] != nullptr) both.matmul.types[type] = layer.matmul.types[type];
  }
  for (size_t kind = 0; kind < std::size(both.attention.layouts); ++kind) {
    for (size_t type = 0; type < std::size(both.attention.layouts[kind]); ++type) {
      const AttentionLayout& layout = layer.attention.layouts[kind][type];
      if (layout.attend_page != nullptr) both.attention.layouts[kind][type] = layout;
    }
  }
  return both;
}
#endif

std::vector<const Kernels*> find_runnable() {
  std::vector<const Kernels*> tables = {&kernels_generic};
#ifdef R1_X86
  // These ask CPUID, and XGETBV whether the system saves the registers.
  const auto avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
  const auto avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vnni");
  if (avx2) tables.push_back(&kernels_avx2);
  if (avx512) tables.push_back(&kernels_avx512);
  static const Kernels with_bf16 = over(kernels_avx512, kernels_avx512bf16);
  if (avx512 && __builtin_cpu_supports("avx512bf16")) tables.push_back(&with_bf16);
#endif
  return tables;
}

std::string join(std::span<const std::string> names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

std::span<const Kernels* const> runnable_kernels() {
  static const std::vector<const Kernels*> tables = find_runnable();
  return tables;
}

std::span<const std::string> kernel_sets() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> sets = {"reference"};
    for (const Kernels* table : runnable_kernels()) {
      if (sets.back() != table->name) sets.emplace_back(table->name);
    }
    return sets;
  }();
  return names;
}

const Kernels& kernels_named(std::string_view set) {
  const Kernels* found = nullptr;
  for (const Kernels* table : runnable_kernels()) {
    if (set.empty() || set == table->name) found = table;
  }
  if (found != nullptr) return *found;
  const bool known = std::find(kNames.begin(), kNames.end(), set) != kNames.end();
  fail(Exit::kUsage, "R1_ISA: {} kernel set '{}'; this machine runs {}",
       known ? "this machine cannot run the" : "there is no", set, join(kernel_sets()));
}

}  // namespace r1
