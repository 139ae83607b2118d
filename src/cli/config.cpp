// r1 config: what is set, and where.
#include "cli/general_options.h"
#include "cli/json_line.h"
#include "cli/output.h"
#include "cli/settings.h"
#include "cli/suggest.h"
#include "cli/verb.h"

namespace r1 {
namespace {

struct ConfigOptions {
  std::string action, verb;
  bool origin = false, json = false, all = false;
};

// A number as TOML writes one: "1", "-0.5"; not "007", ".5" or what is beyond 64 bits.
bool is_toml_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const auto is_digits = [](std::string_view part) {
    return !part.empty() && part.find_first_not_of("0123456789") == part.npos;
  };
  const size_t dot = text.find('.');
  const std::string_view whole = text.substr(0, dot);
  return is_digits(whole) && whole.size() <= 18 && (whole == "0" || whole[0] != '0') &&
         (dot == text.npos || is_digits(text.substr(dot + 1)));
}

// A JSON string is one of TOML, but for the one control character that JSON allows.
std::string toml_string(const std::string& text) {
  std::string escaped;
  for (const char c : compact(text)) escaped += c == '\x7f' ? std::string("\\u007f") : std::string(1, c);
  return escaped;
}

// Read back by --config, this chooses the same: whatever does not look like its kind is quoted, and read as on the
// command line.
std::string toml_value(const Option& option) {
  const std::string& last = option.values.back();
  if (option.is_switch && (last == "true" || last == "false")) return last;
  if ((option.is_number || option.counts) && is_toml_number(last)) return last;
  if (!option.repeatable) return toml_string(last);
  std::vector<std::string> items;
  for (const std::string& value : option.values) items.push_back(toml_string(value));
  return fmt::format("[{}]", fmt::join(items, ", "));
}

std::string text_of(const Options& options, const ConfigOptions& settings) {
  std::string text = fmt::format("[{}]\n", options.verb());
  for (const auto& option : options.all()) {
    if (!option->configurable) continue;
    std::string line = option->chosen() ? fmt::format("{} = {}", option->name, toml_value(*option))
                                        : fmt::format("# {} = {}", option->name, option->default_text);
    if (settings.origin)
      line += fmt::format("{}# {}", std::string(line.size() < 40 ? 40 - line.size() : 1, ' '), option->origin);
    text += line + "\n";
  }
  return text;
}

OrderedJson json_of(const Options& options) {
  OrderedJson json = OrderedJson::object();
  for (const auto& option : options.all()) {
    if (!option->configurable) continue;
    OrderedJson value = option->default_text;
    if (option->chosen() && option->repeatable) value = option->values;
    if (option->chosen() && !option->repeatable) value = option->values.back();
    json[option->name] = {{"value", value}, {"origin", option->origin}};
  }
  return json;
}

int config(const ConfigOptions& settings, const std::string& file) {
  if (settings.action.empty()) {
    throw Error("say what to do: 'r1 config show' prints the settings", Exit::kUsage, "try 'r1 config --help'");
  }
  if (settings.action != "show") {
    throw Error(fmt::format("unknown action '{}'{}", settings.action, did_you_mean(settings.action, {"show"})),
                Exit::kUsage);
  }
  std::string text;
  OrderedJson json = OrderedJson::object();
  for (const Verb& verb : verbs()) {
    if (!settings.verb.empty() && verb.name != settings.verb) continue;
    Options options(verb.name);
    const auto action = verb.declare(options);
    GeneralOptions general;
    general.declare(options);
    fill_from_settings(options, file);
    json[verb.name] = json_of(options);
    text += (text.empty() ? "" : "\n") + text_of(options, settings);
  }
  if (json.empty()) fail(Exit::kUsage, "unknown verb '{}'", settings.verb);
  standard_output().write(settings.json ? json.dump(2) + "\n" : text);
  return 0;
}

std::function<int()> declare_config(Options& options) {
  auto settings = std::make_shared<ConfigOptions>();
  options.positional(settings->action, "show",
                     "prints the merged settings as TOML; what nobody set is a comment with its default", false);
  options.positional(settings->verb, "[VERB]", "of this verb alone", false);
  options.group("Output");
  options.add_switch("origin", settings->origin, "where each value comes from").command_line_only();
  options.add_switch("json", settings->json, "a JSON object with values and origins").command_line_only();
  return [settings, &options] {
    const Option* file = options.find("config");
    return config(*settings, file != nullptr && file->chosen() ? file->values.back() : "");
  };
}

}  // namespace

Verb config_verb() {
  return {
      "config",
      "what is set, and where",
      "r1 config show [VERB] [--origin]",
      "Strongest first: command line, R1_<VERB>_<OPTION>, R1_<OPTION>, --config FILE, $XDG_CONFIG_HOME/r1/config.toml, "
      "$XDG_CONFIG_DIRS/r1/config.toml, /etc/r1/config.toml, the model's generation_config, built-in defaults. "
      "A file is TOML: a key at the top speaks to every verb that has such an option, a key in the table of a verb to "
      "that verb.",
      {{"r1 config show --origin", "every setting and where it comes from"},
       {"R1_THREADS=4 r1 config show run", "what 'r1 run' would use"}},
      declare_config};
}

}  // namespace r1
