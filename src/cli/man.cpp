#include "cli/man.h"

#include <algorithm>
#include <cctype>

#include "cli/help.h"
#include "cli/version.h"

namespace r1 {
namespace {

// Text that roff prints as it is: backslashes and dashes are ours, and no line begins with a request.
std::string plain(const std::string& text) {
  std::string out;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
    line_begins = c == '\n';
  }
  return out;
}

std::string title(const std::string& page, const std::string& purpose) {
  std::string capitals = page;
  std::transform(capitals.begin(), capitals.end(), capitals.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return fmt::format(".TH {} 1 \"\" \"{}\" \"r1\"\n.SH NAME\n{} \\- {}\n", plain(capitals), plain(version_text()),
                     plain(page), plain(purpose));
}

std::string term(const std::string& left, const std::string& right) {
  return fmt::format(".TP\n.B {}\n{}\n", plain(left), plain(right));
}

// Kept as it is, in no proportional font.
std::string code(const std::string& text) { return fmt::format(".nf\n{}\n.fi\n", plain(text)); }

std::string examples_of(const Verb& verb) {
  std::string out;
  for (const Verb::Example& example : verb.examples) {
    out += fmt::format(".PP\n{}:\n.PP\n.RS 4\n{}.RE\n", plain(example.meaning), code(example.command));
  }
  return out;
}

std::string options_of(const Options& options) {
  std::string out, group;
  for (const auto& option : options.all()) {
    if (option->group != group || group.empty()) out += ".SS " + plain(group = option->group) + "\n";
    out += term(option_names(*option), option_meaning(*option));
  }
  return out + term("-h, --help", "a summary of this page");
}

std::string settings_of(const Options& options) {
  if (std::none_of(options.all().begin(), options.all().end(), [](const auto& option) { return option->configurable; }))
    return "";
  return ".SH ENVIRONMENT\n" + plain(settings_sentence(options.verb())) + "\n.SH FILES\n" +
         term("~/.config/r1/config.toml, /etc/xdg/r1/config.toml, /etc/r1/config.toml",
              "Settings, the stronger file first: 'threads = 4' speaks to every verb, the same below '[run]' to one.");
}

std::string exits() {
  static constexpr std::pair<int, const char*> kExits[] = {
      {0, "success"},
      {1, "failure"},
      {2, "wrong use"},
      {3, "a model or file was not found"},
      {4, "a bad or damaged model"},
      {5, "out of memory, or the model does not fit"},
      {7, "a checksum differs"},
      {130, "ended by Ctrl-C"},
      {143, "ended by SIGTERM"},
  };
  std::string out = ".SH EXIT STATUS\n";
  for (const auto& [number, meaning] : kExits) out += term(std::to_string(number), meaning);
  return out;
}

}  // namespace

std::string manual_page(const Verb& verb, const Options& options) {
  std::string out = title("r1-" + verb.name, verb.purpose) + ".SH SYNOPSIS\n" + code(verb.usage);
  if (!verb.details.empty()) out += ".SH DESCRIPTION\n" + plain(verb.details) + "\n";
  if (!options.all_positionals().empty()) out += ".SH ARGUMENTS\n";
  for (const Positional& positional : options.all_positionals()) out += term(positional.placeholder, positional.help);
  out += ".SH OPTIONS\n" + options_of(options) + settings_of(options) + exits();
  return out + ".SH EXAMPLES\n" + examples_of(verb) + ".SH SEE ALSO\n.BR r1 (1)\n";
}

std::string overview_page() {
  std::string out = title("r1", "run DeepSeek-R1-class reasoning models") + ".SH SYNOPSIS\n" +
                    code("r1 VERB [arguments] [options]") + ".SH VERBS\n";
  for (const Verb& verb : verbs()) out += term(verb.name, verb.purpose);
  out += ".SH MODELS\n" + plain(kModelSentence) + "\n" + exits() + ".SH EXAMPLES\n" + examples_of(*find_verb("run"));
  out += ".SH SEE ALSO\n";
  for (const Verb& verb : verbs())
    out += fmt::format(".BR {} (1){}\n", plain("r1-" + verb.name), &verb == &verbs().back() ? "" : ",");
  return out;
}

}  // namespace r1
