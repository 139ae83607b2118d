#include "cli/verb.h"

namespace r1 {

std::span<const Verb> verbs() {
  static const std::vector<Verb> table = {
      run_verb(),     generate_verb(), score_verb(),      tokenize_verb(), show_verb(), verify_verb(),
      convert_verb(), config_verb(),   completion_verb(), version_verb(),  help_verb(),
  };
  return table;
}

std::vector<std::string> verb_names() {
  std::vector<std::string> names;
  for (const Verb& verb : verbs()) names.push_back(verb.name);
  return names;
}

const Verb* find_verb(const std::string& name) {
  for (const Verb& verb : verbs()) {
    if (verb.name == name) return &verb;
  }
  return nullptr;
}

}  // namespace r1
