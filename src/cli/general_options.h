// What every verb can be told.
#pragma once

#include <string>

#include "cli/options.h"

namespace r1 {

struct GeneralOptions {
  std::string config, colour = "auto";
  bool quiet = false;
  int verbose = 0;

  void declare(Options& options);  // behind the verb's own
  void apply() const;              // tells the terminal
};

}  // namespace r1
