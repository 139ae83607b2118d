// Options: what a verb can be told, declared once. From the declaration come the command line, the help, the
// environment's names, the keys of configuration files, and shell completion.
//
// A value is taken from the strongest place that has one (serving.md 17): command line, R1_<VERB>_<OPTION>,
// R1_<OPTION>, --config FILE, the user's configuration, the system's, the default. Variables that are std::optional
// stay empty where nobody chose: the model's own generation_config decides then.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "base/error.h"

namespace r1 {

struct Option {
  std::string name;         // "max-tokens"
  char letter = 0;          // its short form, or 0
  std::string placeholder;  // what help shows for the value: "N"; empty for a switch
  std::string help, group;
  std::string default_text;          // what help and `config show` print where nobody chose
  std::vector<std::string> choices;  // the only values, if any
  bool file = false;                 // the value is a path (for completion)
  bool is_switch = false, counts = false, repeatable = false;
  bool is_number = false;
  bool configurable = true;  // also from the environment and configuration files
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();

  // Puts the values (one, unless repeatable; switches "true" or "false") into the verb's variable. Throws Error without
  // the option's name.
  std::function<void(const std::vector<std::string>&)> store;

  std::vector<std::string> values;  // what was chosen, as text
  std::string origin = "default";   // where: "command line", "R1_SEED", "/etc/r1/config.toml", …
  bool chosen() const { return origin != "default"; }

  Option& one_of(std::vector<std::string> allowed) {
    choices = std::move(allowed);
    return *this;
  }
  Option& range(double lowest, double highest) {
    low = lowest;
    high = highest;
    return *this;
  }
  Option& path() {
    file = true;
    return *this;
  }
  Option& command_line_only() {
    configurable = false;
    return *this;
  }
  Option& otherwise(std::string text) {
    default_text = std::move(text);
    return *this;
  }
};

struct Positional {
  std::string placeholder, help;
  bool required = false, repeatable = false;
  std::function<void(const std::vector<std::string>&)> store;
};

// Text to a variable; throws Error ("'x' is not a whole number").
void read_value(const std::string& text, std::string& value);
void read_value(const std::string& text, bool& value);
void read_value(const std::string& text, int& value);
void read_value(const std::string& text, int64_t& value);
void read_value(const std::string& text, uint64_t& value);
void read_value(const std::string& text, float& value);
template <typename T>
void read_value(const std::string& text, std::optional<T>& value) {
  read_value(text, value.emplace());
}

// The variable's text, for the default that help shows.
std::string value_text(const std::string& value);
std::string value_text(int value);
std::string value_text(int64_t value);
std::string value_text(uint64_t value);
std::string value_text(float value);
template <typename T>
std::string value_text(const std::optional<T>& value) {
  return value ? value_text(*value) : "";
}

class Options {
 public:
  explicit Options(std::string verb) : verb_(std::move(verb)) {}
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;

  void group(std::string name) { group_ = std::move(name); }

  // names: "max-tokens" or "m,max-tokens". The variable outlives the Options.
  template <typename T>
  Option& add(const std::string& names, T& variable, std::string placeholder, std::string help) {
    Option& option = declare(names, std::move(placeholder), std::move(help));
    option.default_text = value_text(variable);
    option.is_number = !std::is_same_v<T, std::string>;
    option.store = [&variable](const std::vector<std::string>& values) { read_value(values.back(), variable); };
    return option;
  }
  Option& add_list(const std::string& names, std::vector<std::string>& variable, std::string placeholder,
                   std::string help);
  Option& add_switch(const std::string& names, bool& variable, std::string help);  // --x and --no-x
  Option& add_count(const std::string& names, int& variable, std::string help);    // -v, -vv

  void positional(std::string& variable, std::string placeholder, std::string help, bool required = true);
  void positionals(std::vector<std::string>& variable, std::string placeholder, std::string help);

  // Fills the variables from the command line, then calls `weaker` for every configurable option that it left open, and
  // checks. Throws Error(kUsage). `help_wanted` becomes true, and nothing is checked, if -h or --help is there.
  using Weaker = std::function<void(Options&)>;
  void parse(const std::vector<std::string>& arguments, const Weaker& weaker, bool* help_wanted);

  const std::string& verb() const { return verb_; }
  const std::vector<std::unique_ptr<Option>>& all() const { return options_; }
  const std::vector<Positional>& all_positionals() const { return positionals_; }
  Option* find(const std::string& name);
  void choose(Option& option, std::vector<std::string> values,
              std::string origin);  // validates and stores; throws Error(kUsage)

 private:
  Option& declare(const std::string& names, std::string placeholder, std::string help);
  void parse_options(const std::vector<std::string>& arguments, std::vector<std::string>* rest, bool* help_wanted);
  void take_positionals(const std::vector<std::string>& words);

  std::string verb_, group_;
  std::vector<std::unique_ptr<Option>> options_;
  std::vector<Positional> positionals_;
};

}  // namespace r1
