#include "cli/version.h"

#include <fmt/format.h>

#include "cli/output.h"
#include "cli/verb.h"
#include "cli/version_commit.h"  // made by the build: kVersion, kCommit

namespace r1 {

std::string version_text() { return fmt::format("r1 {} ({})", kVersion, kCommit); }

namespace {

std::function<int()> declare_version(Options& options) {
  auto json = std::make_shared<bool>(false);
  options.group("Output");
  options.add_switch("json", *json, "a JSON object").command_line_only();
  return [json] {
    const std::string compiler = __VERSION__;
    if (*json) {
      standard_output().write(
          fmt::format("{{\"version\":\"{}\",\"commit\":\"{}\",\"compiler\":\"{}\"}}\n", kVersion, kCommit, compiler));
    } else {
      standard_output().write(version_text() + "\n");
    }
    return 0;
  };
}

}  // namespace

Verb version_verb() {
  return {"version",
          "which r1 this is",
          "r1 version [--json]",
          "",
          {{"r1 version", "version and commit"}, {"r1 version --json", "with the compiler"}},
          declare_version,
          true};
}

}  // namespace r1
