// r1 completion: scripts that complete verbs, options and their values in a shell, made from what the verbs declare.
#include "cli/general_options.h"
#include "cli/output.h"
#include "cli/suggest.h"
#include "cli/verb.h"

namespace r1 {
namespace {

const std::vector<std::string> kShells = {"bash", "zsh", "fish"};

// A verb with its options, and those that every verb has.
struct Declared {
  const Verb* verb;
  std::vector<Option> options;
};

std::vector<Declared> declared_verbs() {
  std::vector<Declared> list;
  for (const Verb& verb : verbs()) {
    Options options(verb.name);
    const auto action = verb.declare(options);
    GeneralOptions general;
    general.declare(options);
    Declared declared{&verb, {}};
    for (const auto& option : options.all()) declared.options.push_back(*option);
    Option help;
    help.name = "help";
    help.help = "explain the verb";
    declared.options.push_back(std::move(help));
    list.push_back(std::move(declared));
  }
  return list;
}

std::vector<std::string> flags_of(const Option& option) {
  std::vector<std::string> flags = {"--" + option.name};
  if (option.is_switch) flags.push_back("--no-" + option.name);
  return flags;
}

std::string shell_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string bash_script() {
  std::string out =
      "# r1: completion for bash. Use: source <(r1 completion bash)\n_r1() {\n  local cur=${COMP_WORDS[COMP_CWORD]} "
      "prev=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]}\n";
  out += fmt::format(
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then COMPREPLY=($(compgen -W '{} --help --version' -- \"$cur\")); return; fi\n",
      fmt::join(verb_names(), " "));
  out += "  case \"$verb $prev\" in\n";
  for (const Declared& declared : declared_verbs()) {
    for (const Option& option : declared.options) {
      if (!option.choices.empty()) {
        out += fmt::format("    '{} --{}') COMPREPLY=($(compgen -W '{}' -- \"$cur\")); return;;\n", declared.verb->name,
                           option.name, fmt::join(option.choices, " "));
      }
    }
  }
  out += "  esac\n  if [[ $cur != -* ]]; then\n    case $verb in\n";
  out +=
      fmt::format("      completion) COMPREPLY=($(compgen -W '{}' -- \"$cur\")); return;;\n", fmt::join(kShells, " "));
  out +=
      fmt::format("      help) COMPREPLY=($(compgen -W '{}' -- \"$cur\")); return;;\n", fmt::join(verb_names(), " "));
  out +=
      "      config) COMPREPLY=($(compgen -W 'show' -- \"$cur\")); return;;\n    esac\n    mapfile -t COMPREPLY < "
      "<(compgen -f -- "
      "\"$cur\"); return\n  fi\n  case $verb in\n";
  for (const Declared& declared : declared_verbs()) {
    std::vector<std::string> flags;
    for (const Option& option : declared.options) {
      for (const std::string& flag : flags_of(option)) flags.push_back(flag);
    }
    out += fmt::format("    {}) COMPREPLY=($(compgen -W '{}' -- \"$cur\"));;\n", declared.verb->name,
                       fmt::join(flags, " "));
  }
  return out + "  esac\n}\ncomplete -o filenames -F _r1 r1\n";
}

std::string zsh_escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_script() {
  std::string out =
      "#compdef r1\n# r1: completion for zsh. Use: r1 completion zsh > a folder of $fpath, as _r1\n_r1() {\n  local -a "
      "verbs\n  verbs=(\n";
  for (const Verb& verb : verbs()) out += fmt::format("    {}\n", shell_quoted(verb.name + ":" + verb.purpose));
  out +=
      "  )\n  if (( CURRENT == 2 )); then _describe verb verbs; return; fi\n  local verb=$words[2]\n  shift words; (( "
      "CURRENT-- ))\n  case $verb in\n";
  for (const Declared& declared : declared_verbs()) {
    out += fmt::format("    {})\n      _arguments -S", declared.verb->name);
    for (const Option& option : declared.options) {
      for (const std::string& flag : flags_of(option)) {
        std::string spec = fmt::format("*{}[{}]", flag, zsh_escaped(option.help));
        if (!option.placeholder.empty()) {
          const std::string values = option.choices.empty() ? (option.file ? "_files" : "")
                                                            : fmt::format("({})", fmt::join(option.choices, " "));
          spec += fmt::format(":{}:{}", zsh_escaped(option.placeholder), values);
        }
        out += " \\\n        " + shell_quoted(spec);
      }
    }
    std::string rest = "_files";
    if (declared.verb->name == "completion") rest = fmt::format("({})", fmt::join(kShells, " "));
    if (declared.verb->name == "help") rest = fmt::format("({})", fmt::join(verb_names(), " "));
    if (declared.verb->name == "config") rest = "(show)";
    out += " \\\n        " + shell_quoted("*:argument:" + rest) + ";;\n";
  }
  return out + "  esac\n}\n_r1 \"$@\"\n";
}

std::string fish_script() {
  std::string out = "# r1: completion for fish. Use: r1 completion fish | source\n";
  for (const Verb& verb : verbs()) {
    out +=
        fmt::format("complete -c r1 -f -n __fish_use_subcommand -a {} -d {}\n", verb.name, shell_quoted(verb.purpose));
  }
  for (const Declared& declared : declared_verbs()) {
    const std::string when = fmt::format("-n '__fish_seen_subcommand_from {}'", declared.verb->name);
    for (const Option& option : declared.options) {
      for (const std::string& flag : flags_of(option)) {
        out += fmt::format("complete -c r1 {} -l {} -d {}", when, flag.substr(2), shell_quoted(option.help));
        if (!option.choices.empty()) out += fmt::format(" -x -a '{}'", fmt::join(option.choices, " "));
        if (option.choices.empty() && !option.placeholder.empty()) out += option.file ? " -r -F" : " -x";
        out += "\n";
      }
    }
  }
  out +=
      fmt::format("complete -c r1 -f -n '__fish_seen_subcommand_from completion' -a '{}'\n", fmt::join(kShells, " "));
  out += "complete -c r1 -f -n '__fish_seen_subcommand_from config' -a show\n";
  return out +
         fmt::format("complete -c r1 -f -n '__fish_seen_subcommand_from help' -a '{}'\n", fmt::join(verb_names(), " "));
}

std::function<int()> declare_completion(Options& options) {
  auto shell = std::make_shared<std::string>();
  options.positional(*shell, "SHELL", "bash, zsh or fish");
  return [shell] {
    if (*shell != "bash" && *shell != "zsh" && *shell != "fish") {
      throw Error(
          fmt::format("unknown shell '{}'{}, expected bash, zsh or fish", *shell, did_you_mean(*shell, kShells)),
          Exit::kUsage);
    }
    standard_output().write(*shell == "bash" ? bash_script() : *shell == "zsh" ? zsh_script() : fish_script());
    return 0;
  };
}

}  // namespace

Verb completion_verb() {
  return {"completion",
          "a script that completes r1's verbs and options in a shell",
          "r1 completion bash|zsh|fish",
          "",
          {{"source <(r1 completion bash)", "for this bash; in ~/.bashrc for all of them"},
           {"r1 completion fish > ~/.config/fish/completions/r1.fish", "for fish"}},
          declare_completion,
          true};
}

}  // namespace r1
