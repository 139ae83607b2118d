#include "cli/help.h"

#include <unistd.h>

#include <algorithm>

#include "cli/general_options.h"
#include "cli/man.h"
#include "cli/output.h"
#include "cli/settings.h"
#include "cli/suggest.h"
#include "cli/terminal.h"

namespace r1 {
namespace {

constexpr size_t kWidth = 100, kColumn = 30;

std::string heading(const std::string& text) { return styled(STDOUT_FILENO, Style::Bold, text); }

// Columns on a terminal; good enough for the Latin letters of help.
size_t columns(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// Words filled into lines of `width`, each but the first indented.
std::string filled(const std::string& text, size_t width, size_t indent) {
  std::string out, word;
  size_t column = 0;
  const auto put = [&] {
    if (word.empty()) return;
    if (column > 0 && column + 1 + columns(word) > width) {
      out += "\n" + std::string(indent, ' ');
      column = 0;
    } else if (column > 0) {
      out += ' ';
      ++column;
    }
    out += word;
    column += columns(word);
    word.clear();
  };
  for (const char c : text) {
    if (c == ' ') {
      put();
    } else if (c == '\n') {
      put();
      out += "\n" + std::string(indent, ' ');
      column = 0;
    } else {
      word += c;
    }
  }
  put();
  return out;
}

std::string row(const std::string& left, const std::string& right) {
  std::string out = "  " + left;
  out += columns(left) + 2 < kColumn ? std::string(kColumn - 2 - columns(left), ' ') : "\n" + std::string(kColumn, ' ');
  return out + filled(right, kWidth - kColumn, kColumn) + "\n";
}

}  // namespace

std::string option_names(const Option& option) {
  std::string out = option.letter != 0 ? fmt::format("-{}, ", option.letter) : "";
  out += option.is_switch ? fmt::format("--[no-]{}", option.name) : "--" + option.name;
  if (!option.placeholder.empty()) out += " " + option.placeholder;
  return out;
}

std::string option_meaning(const Option& option) {
  std::string out = option.help;
  if (!option.choices.empty()) out += fmt::format(": {}", fmt::join(option.choices, ", "));
  if (option.repeatable) out += " (may be given several times)";
  std::vector<std::string> facts;
  if (!option.default_text.empty() && !option.is_switch && !option.counts)
    facts.push_back("default " + option.default_text);
  if (option.is_switch && option.default_text == "true") facts.push_back("on by default");
  if (option.configurable) facts.push_back(environment_name(option.name));
  if (!facts.empty()) out += fmt::format(" [{}]", fmt::join(facts, "; "));
  return out;
}

std::string settings_sentence(const std::string& verb) {
  return fmt::format(
      "Names in capitals are environment variables; {} speaks to this verb alone. 'r1 config show' tells what is set.",
      environment_name(verb, "threads"));
}

std::string help_text(const Verb& verb, const Options& options) {
  std::string out =
      fmt::format("{}: {}\n\n{} {}\n", heading("r1 " + verb.name), verb.purpose, heading("usage:"), verb.usage);
  if (!verb.details.empty()) out += "\n" + filled(verb.details, kWidth, 0) + "\n";
  if (!options.all_positionals().empty()) {
    out += "\n" + heading("Arguments") + "\n";
    for (const Positional& positional : options.all_positionals()) out += row(positional.placeholder, positional.help);
  }
  std::string group;
  for (const auto& option : options.all()) {
    if (option->group != group || group.empty()) out += "\n" + heading(group = option->group) + "\n";
    out += row((option->letter != 0 ? "" : "    ") + option_names(*option), option_meaning(*option));
  }
  out += row("-h, --help", "this text");
  if (std::any_of(options.all().begin(), options.all().end(),
                  [](const auto& option) { return option->configurable; })) {
    out += "\n" + filled(settings_sentence(verb.name), kWidth, 0) + "\n";
  }
  out += "\n" + heading("Examples") + "\n";
  for (const Verb::Example& example : verb.examples)
    out += fmt::format("  {}\n      {}\n", example.command, filled(example.meaning, kWidth - 6, 6));
  return out;
}

std::string overview_text() {
  std::string out =
      fmt::format("{}: run DeepSeek-R1-class reasoning models\n\n{} r1 VERB [arguments] [options]\n\n{}\n",
                  heading("r1"), heading("usage:"), heading("Verbs"));
  for (const Verb& verb : verbs()) out += fmt::format("  {:<12}{}\n", verb.name, verb.purpose);
  out += fmt::format("\n'r1 VERB --help' tells a verb's options. {}\n", kModelSentence);
  out += "\n" + heading("Examples") + "\n";
  for (const Verb& verb : verbs().first(2)) {
    const Verb::Example& example = verb.examples.front();
    out += fmt::format("  {}\n      {}\n", example.command, filled(example.meaning, kWidth - 6, 6));
  }
  return out;
}

namespace {

std::function<int()> declare_help(Options& options) {
  struct HelpOptions {
    std::string verb;
    bool man = false;
  };
  auto settings = std::make_shared<HelpOptions>();
  options.positional(settings->verb, "VERB", "the verb to explain", false);
  options.group("Output");
  options.add_switch("man", settings->man, "the manual page, for man(1)").command_line_only();
  return [settings] {
    if (settings->verb.empty()) {
      standard_output().write(settings->man ? overview_page() : overview_text());
      return 0;
    }
    const Verb* verb = find_verb(settings->verb);
    if (verb == nullptr) {
      throw Error(fmt::format("unknown verb '{}'{}", settings->verb, did_you_mean(settings->verb, verb_names())),
                  Exit::kUsage, "try 'r1 help'");
    }
    Options declared(verb->name);
    const auto action = verb->declare(declared);
    GeneralOptions general;
    general.declare(declared);
    standard_output().write(settings->man ? manual_page(*verb, declared) : help_text(*verb, declared));
    return 0;
  };
}

}  // namespace

Verb help_verb() {
  return {"help",
          "explain a verb",
          "r1 help [VERB] [--man]",
          "",
          {{"r1 help", "the list of verbs"},
           {"r1 help run", "the same as r1 run --help"},
           {"r1 help run --man | man -l -", "its manual page"}},
          declare_help,
          true};
}

}  // namespace r1
