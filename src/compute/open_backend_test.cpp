#include <gtest/gtest.h>

#include <optional>

#include "compute/every_backend_test.h"

namespace r1 {
namespace {

Exit exit_of(const std::string& name) {
  try {
    open_backend(name);
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()), "");
    return error.exit();
  }
  return Exit::kOk;
}

// R1_ISA for the length of a test.
class KernelSetVariable {
 public:
  explicit KernelSetVariable(const char* set) {
    if (const char* before = std::getenv("R1_ISA")) before_ = before;
    set == nullptr ? ::unsetenv("R1_ISA") : ::setenv("R1_ISA", set, 1);
  }
  ~KernelSetVariable() { before_ ? ::setenv("R1_ISA", before_->c_str(), 1) : ::unsetenv("R1_ISA"); }

 private:
  std::optional<std::string> before_;
};

TEST(OpenBackend, KnowsItsNames) {
  const KernelSetVariable unset(nullptr);
  EXPECT_EQ(open_backend("reference")->name(), "reference");
  EXPECT_EQ(open_backend("cpu")->name(), "cpu");
  EXPECT_EQ(open_backend("cpu", 3)->threads(), 3);
  for (const char* name : {"", "gpu", "CPU", "cuda1", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda:99999999999"}) {
    EXPECT_EQ(exit_of(name), Exit::kUsage) << name;
  }
}

TEST(OpenBackend, TakesTheBestKernelSetUnlessToldOtherwise) {
  {
    const KernelSetVariable unset(nullptr);
    EXPECT_EQ(open_backend("cpu")->kernel_set(), kernel_sets().back());
  }
  for (const std::string& set : kernel_sets()) {
    const KernelSetVariable forced(set.c_str());
    EXPECT_EQ(open_backend("cpu")->kernel_set(), set);
  }
}

TEST(OpenBackend, RefusesAKernelSetItCannotRun) {
  const KernelSetVariable forced("sse9");
  EXPECT_EQ(exit_of("cpu"), Exit::kUsage);
  EXPECT_EQ(exit_of("reference"), Exit::kOk);
}

}  // namespace
}  // namespace r1
