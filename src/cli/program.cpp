#include "cli/program.h"

#include <unistd.h>

#include <new>

#include "base/error.h"
#include "cli/general_options.h"
#include "cli/help.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/settings.h"
#include "cli/suggest.h"
#include "cli/terminal.h"
#include "cli/verb.h"
#include "cli/version.h"

namespace r1 {
namespace {

int report(const std::string& sentence, const std::string& hint, Exit exit) {
  say(fmt::format("r1: {} {}\n", styled(STDERR_FILENO, Style::Red, "error:"), printable(sentence)));
  if (!hint.empty()) say(fmt::format("{} {}\n", styled(STDERR_FILENO, Style::Cyan, "hint:"), printable(hint)));
  return static_cast<int>(exit);
}

int unknown_verb(const std::string& word) {
  const char* what = word.starts_with('-') ? "option" : "verb";
  return report(
      fmt::format("unknown {} '{}'{}", what, word, word.starts_with('-') ? "" : did_you_mean(word, verb_names())),
      "try 'r1 --help'", Exit::kUsage);
}

int run_verb(const Verb& verb, const std::vector<std::string>& arguments) {
  Options options(verb.name);
  const std::function<int()> action = verb.declare(options);
  GeneralOptions general;
  general.declare(options);
  bool help_wanted = false;
  std::string wrong_settings;
  options.parse(
      arguments,
      [&](Options& open) {
        try {
          Option& config = *open.find("config");
          if (const char* named = std::getenv("R1_CONFIG"); named != nullptr && !config.chosen())
            open.choose(config, {named}, "R1_CONFIG");
          fill_from_settings(open, general.config);
        } catch (const Error& error) {
          if (!verb.forgiving) throw;
          wrong_settings = error.what();
        }
      },
      &help_wanted);
  general.apply();
  if (!wrong_settings.empty()) warn(printable(wrong_settings));
  if (help_wanted) {
    standard_output().write(help_text(verb, options));
    return 0;
  }
  return action();
}

int run_word(const std::vector<std::string>& words) {
  set_terminal({});
  if (words.empty() || words[0] == "-h" || words[0] == "--help") {
    standard_output().write(overview_text());
    return 0;
  }
  if (words[0] == "--version" || words[0] == "-V") {
    standard_output().write(version_text() + "\n");
    return 0;
  }
  const Verb* verb = find_verb(words[0]);
  if (verb == nullptr) return unknown_verb(words[0]);
  try {
    return run_verb(*verb, {words.begin() + 1, words.end()});
  } catch (const Error& error) {
    const bool explain = error.exit() == Exit::kUsage && error.hint().empty();
    return report(error.what(), explain ? fmt::format("try 'r1 {} --help'", verb->name) : error.hint(), error.exit());
  }
}

}  // namespace

int run_program(int argc, char** argv) {
  catch_signals();
  try {
    int status = 1;
    try {
      status = run_word(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
    } catch (const Interrupted& interrupted) {
      status = static_cast<int>(interrupted.exit);
    }
    standard_output().close();  // what could not be written turns success into failure
    return status;
  } catch (const ClosedPipe&) {
    end_by_pipe();
  } catch (const Error& error) {
    return report(error.what(), error.hint(), error.exit());
  } catch (const std::bad_alloc&) {
    return report("out of memory", "", Exit::kOutOfMemory);
  } catch (const std::exception& error) {
    return report(fmt::format("internal error: {}", error.what()), "this is a bug in r1, please report it",
                  Exit::kFailure);
  }
  return static_cast<int>(Exit::kFailure);
}

}  // namespace r1
