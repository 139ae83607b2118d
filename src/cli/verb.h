// Verb: one thing that r1 does. Each has a file of its own; the table lists them all.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "cli/options.h"

namespace r1 {

struct Verb {
  struct Example {
    std::string command, meaning;
  };

  std::string name, purpose;  // purpose: one line, lower case, for the list of verbs
  std::string usage;          // "r1 run MODEL [QUESTION…] [options]"
  std::string details;        // a paragraph or two for help, or ""
  std::vector<Example> examples;

  // Declares the verb's options, bound to variables of its own, and returns what it does once they are filled: the exit
  // status. The Options outlive the returned function's call.
  std::function<int()> (*declare)(Options& options);

  bool forgiving = false;  // wrong settings are warned of, not refused: what a person needs to mend them
};

std::span<const Verb> verbs();
std::vector<std::string> verb_names();
const Verb* find_verb(const std::string& name);

Verb run_verb();
Verb generate_verb();
Verb score_verb();
Verb tokenize_verb();
Verb show_verb();
Verb verify_verb();
Verb convert_verb();
Verb config_verb();
Verb completion_verb();
Verb version_verb();
Verb help_verb();

}  // namespace r1
