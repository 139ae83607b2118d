// The CUDA backend. Where the build has none, no_cuda.cpp stands in and says so.
#pragma once

#include <memory>

#include "compute/backend.h"

namespace r1 {

// Opens device `device` (0 is the first). Throws Error(kUsage) where this r1 was built without CUDA.
std::unique_ptr<Backend> open_cuda_backend(int device);

}  // namespace r1
