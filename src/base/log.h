// One place that sets spdlog up: warnings and notes go to stderr, results never do.
#pragma once

#include <spdlog/spdlog.h>

namespace r1 {

// -1 quiet (errors only), 0 normal (warnings), 1 verbose (info), 2 debug.
void set_log_level(int verbosity);

}  // namespace r1
