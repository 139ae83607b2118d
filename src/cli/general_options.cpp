#include "cli/general_options.h"

#include "cli/terminal.h"

namespace r1 {

void GeneralOptions::declare(Options& options) {
  options.group("General");
  options.add("config", config, "FILE", "a configuration file, stronger than the user's and the system's [R1_CONFIG]")
      .path()
      .command_line_only();
  options.add("color", colour, "WHEN", "colours").one_of({"auto", "always", "never"});
  options.add_switch("q,quiet", quiet, "only errors on stderr");
  options.add_count("v,verbose", verbose, "more on stderr; twice for debugging").range(0, 9);
}

void GeneralOptions::apply() const {
  const Colour when = colour == "always" ? Colour::Always : colour == "never" ? Colour::Never : Colour::Auto;
  set_terminal({when, quiet ? -1 : verbose});
}

}  // namespace r1
