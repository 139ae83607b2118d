// Help texts, made from what verbs declare.
#pragma once

#include <string>

#include "cli/options.h"
#include "cli/verb.h"

namespace r1 {

std::string overview_text();                                      // r1 --help
std::string help_text(const Verb& verb, const Options& options);  // r1 run --help

}  // namespace r1
