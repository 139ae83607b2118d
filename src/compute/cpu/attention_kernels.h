#pragma once

namespace r1 {

struct AttentionKernels {};

}  // namespace r1
