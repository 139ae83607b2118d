#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>

namespace r1 {

void set_log_level(int verbosity) {
  static const auto logger = [] {
    auto made = spdlog::stderr_logger_mt("r1");
    made->set_pattern("r1: %l: %v");
    spdlog::set_default_logger(made);
    return made;
  }();
  logger->set_level(verbosity < 0    ? spdlog::level::err
                    : verbosity == 0 ? spdlog::level::warn
                    : verbosity == 1 ? spdlog::level::info
                                     : spdlog::level::debug);
}

}  // namespace r1
