#include <charconv>
#include <cstdlib>

#include "compute/backend.h"
#include "compute/cpu/cpu_backend.h"
#include "compute/cpu/dispatch.h"
#include "compute/cuda/cuda_backend.h"
#include "compute/reference.h"

namespace r1 {
namespace {

// What R1_ISA asks for; empty: the best set this machine has.
std::string_view wanted_kernel_set() {
  const char* set = std::getenv("R1_ISA");
  return set == nullptr ? "" : set;
}

std::unique_ptr<Backend> open_cpu(int threads) {
  const std::string_view set = wanted_kernel_set();
  if (set == "reference") return std::make_unique<ReferenceBackend>();
  return std::make_unique<CpuBackend>(kernels_named(set), threads);
}

// "cuda" is device 0, "cuda:2" device 2.
std::unique_ptr<Backend> open_cuda(std::string_view name) {
  int device = 0;
  if (name != "cuda") {
    const std::string_view number = name.substr(std::string_view("cuda:").size());
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), device);
    if (error != std::errc() || end != number.data() + number.size() || device < 0) {
      fail(Exit::kUsage, "'{}' names no device; write cuda, or cuda:N with the device's number", name);
    }
  }
  return open_cuda_backend(device);
}

}  // namespace

std::unique_ptr<Backend> open_backend(std::string_view name, int threads) {
  if (name == "reference") return std::make_unique<ReferenceBackend>();
  if (name == "cpu") return open_cpu(threads);
  if (name == "cuda" || name.substr(0, 5) == "cuda:") return open_cuda(name);
  fail(Exit::kUsage, "there is no backend '{}'; known are cpu, cuda, cuda:N and reference", name);
}

}  // namespace r1
