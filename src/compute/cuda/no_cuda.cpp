// Compiled in place of the CUDA backend.
#include "base/error.h"
#include "compute/cuda/cuda_backend.h"

namespace r1 {

std::unique_ptr<Backend> open_cuda_backend(int /*device*/) {
  throw Error("this r1 was built without CUDA; rebuild with -DR1_CUDA=ON", Exit::kUsage);
}

}  // namespace r1
