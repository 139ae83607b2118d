#pragma once

namespace r1 {

struct RowKernels {};

}  // namespace r1
