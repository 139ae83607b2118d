#include <cstdlib>

#include "compute/backend.h"
#include "compute/reference.h"

namespace r1 {
namespace {

// What R1_ISA asks for; empty: the best set this machine has.
std::string_view wanted_kernel_set() {
  const char* set = std::getenv("R1_ISA");
  return set == nullptr ? "" : set;
}

}  // namespace

std::unique_ptr<Backend> open_backend(std::string_view name, int threads) {
  if (name == "reference" || (name == "cpu" && wanted_kernel_set() == "reference"))
    return std::make_unique<ReferenceBackend>();
  if (name == "cpu") return std::make_unique<ReferenceBackend>();
  fail(Exit::kUsage, "there is no backend '{}'; known are cpu and reference", name);
}

}  // namespace r1
