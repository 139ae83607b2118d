// Help texts, made from what verbs declare.
#pragma once

#include <string>

#include "cli/options.h"
#include "cli/verb.h"

namespace r1 {

inline constexpr char kModelSentence[] = "MODEL is a folder in the hub's layout or a .gguf file.";

std::string option_names(const Option& option);          // "-n, --max-tokens N"
std::string option_meaning(const Option& option);        // its help, choices, default and variable
std::string settings_sentence(const std::string& verb);  // what the variables are

std::string overview_text();                                      // r1 --help
std::string help_text(const Verb& verb, const Options& options);  // r1 run --help

}  // namespace r1
