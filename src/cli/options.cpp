#include "cli/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>

#include "cli/suggest.h"

namespace r1 {
namespace {

template <typename T>
void read_number(const std::string& text, T& value, const char* what) {
  const char* begin = text.data();
  const char* end = begin + text.size();
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (error == std::errc::result_out_of_range) fail(Exit::kUsage, "'{}' is out of range", text);
  if (error != std::errc{} || stop != end || text.empty()) fail(Exit::kUsage, "'{}' is not {}", text, what);
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

void read_value(const std::string& text, std::string& value) { value = text; }
void read_value(const std::string& text, int& value) { read_number(text, value, "a whole number"); }
void read_value(const std::string& text, int64_t& value) { read_number(text, value, "a whole number"); }
void read_value(const std::string& text, uint64_t& value) { read_number(text, value, "a whole number from 0 on"); }
void read_value(const std::string& text, float& value) {
  read_number(text, value, "a number");
  if (!std::isfinite(value)) fail(Exit::kUsage, "'{}' is not a finite number", text);
}
void read_value(const std::string& text, bool& value) {
  const std::string word = lower(text);
  if (word == "1" || word == "true" || word == "on") {
    value = true;
  } else if (word == "0" || word == "false" || word == "off") {
    value = false;
  } else {
    fail(Exit::kUsage, "'{}' is neither true nor false", text);
  }
}

std::string value_text(const std::string& value) { return value; }
std::string value_text(int value) { return std::to_string(value); }
std::string value_text(int64_t value) { return std::to_string(value); }
std::string value_text(uint64_t value) { return std::to_string(value); }
std::string value_text(float value) { return fmt::format("{}", value); }

Option& Options::declare(const std::string& names, std::string placeholder, std::string help) {
  auto option = std::make_unique<Option>();
  option->name = names;
  if (names.size() > 2 && names[1] == ',') {
    option->letter = names[0];
    option->name = names.substr(2);
  }
  option->placeholder = std::move(placeholder);
  option->help = std::move(help);
  option->group = group_;
  options_.push_back(std::move(option));
  return *options_.back();
}

Option& Options::add_list(const std::string& names, std::vector<std::string>& variable, std::string placeholder,
                          std::string help) {
  Option& option = declare(names, std::move(placeholder), std::move(help));
  option.repeatable = true;
  option.store = [&variable](const std::vector<std::string>& values) { variable = values; };
  return option;
}

Option& Options::add_switch(const std::string& names, bool& variable, std::string help) {
  Option& option = declare(names, "", std::move(help));
  option.is_switch = true;
  option.default_text = variable ? "true" : "false";
  option.store = [&variable](const std::vector<std::string>& values) { read_value(values.back(), variable); };
  return option;
}

Option& Options::add_count(const std::string& names, int& variable, std::string help) {
  Option& option = declare(names, "", std::move(help));
  option.counts = true;
  option.default_text = "0";
  option.store = [&variable](const std::vector<std::string>& values) { read_value(values.back(), variable); };
  return option;
}

void Options::positional(std::string& variable, std::string placeholder, std::string help, bool required) {
  positionals_.push_back({std::move(placeholder), std::move(help), required, false,
                          [&variable](const std::vector<std::string>& words) { variable = words.front(); }});
}

void Options::positionals(std::vector<std::string>& variable, std::string placeholder, std::string help) {
  positionals_.push_back({std::move(placeholder), std::move(help), false, true,
                          [&variable](const std::vector<std::string>& words) { variable = words; }});
}

Option* Options::find(const std::string& name) {
  for (const auto& option : options_) {
    if (option->name == name) return option.get();
  }
  return nullptr;
}

void Options::choose(Option& option, std::vector<std::string> values, std::string origin) {
  const std::string label = origin == "command line" ? "--" + option.name : fmt::format("{}: {}", origin, option.name);
  for (const std::string& value : values) {
    if (!option.choices.empty() &&
        std::find(option.choices.begin(), option.choices.end(), value) == option.choices.end()) {
      fail(Exit::kUsage, "{}: '{}' is not one of {}{}", label, value, fmt::join(option.choices, ", "),
           did_you_mean(value, option.choices));
    }
    if (std::isfinite(option.low) || std::isfinite(option.high)) {
      double number = 0;
      const auto [stop, error] = std::from_chars(value.data(), value.data() + value.size(), number);
      if (error == std::errc{} && stop == value.data() + value.size() &&
          !(number >= option.low && number <= option.high)) {
        if (std::isinf(option.high)) fail(Exit::kUsage, "{}: {} is less than {}", label, value, option.low);
        fail(Exit::kUsage, "{}: {} is not between {} and {}", label, value, option.low, option.high);
      }
    }
  }
  try {
    option.store(values);
  } catch (const Error& error) {
    fail(Exit::kUsage, "{}: {}", label, error.what());
  }
  option.values = std::move(values);
  option.origin = std::move(origin);
}

void Options::parse_options(const std::vector<std::string>& arguments, std::vector<std::string>* rest,
                            bool* help_wanted) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  bool help = false;
  app.add_flag("-h,--help", help);
  std::vector<std::pair<Option*, CLI::Option*>> declared;
  std::vector<std::unique_ptr<std::vector<std::string>>> taken;
  for (const auto& option : options_) {
    std::string names =
        option->letter != 0 ? fmt::format("-{},--{}", option->letter, option->name) : "--" + option->name;
    if (option->is_switch) names += ",!--no-" + option->name;
    if (option->is_switch || option->counts) {
      declared.emplace_back(option.get(), app.add_flag(names));
    } else {
      taken.push_back(std::make_unique<std::vector<std::string>>());
      // One value each time, taken as it is: without extra arguments CLI11 does not read "[a,b]" as a list.
      declared.emplace_back(option.get(),
                            app.add_option(names, *taken.back())->expected(1)->allow_extra_args(false)->take_all());
    }
  }
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ArgumentMismatch& error) {
    std::string name = error.what();  // "--seed: 1 required TEXT missing"
    throw Error(fmt::format("option {} needs a value", name.substr(0, name.find(':'))), Exit::kUsage);
  } catch (const CLI::ParseError& error) {
    throw Error(error.what(), Exit::kUsage);
  }
  *help_wanted = help;
  *rest = app.remaining();
  for (auto& [option, parsed] : declared) {
    if (parsed->count() == 0) continue;
    try {
      if (option->is_switch) {
        choose(*option, {parsed->as<bool>() ? "true" : "false"}, "command line");
      } else if (option->counts) {
        choose(*option, {std::to_string(parsed->count())}, "command line");
      } else {
        const auto& results = parsed->results();
        choose(*option, option->repeatable ? results : std::vector<std::string>{results.back()}, "command line");
      }
    } catch (const Error&) {
      if (!help) throw;  // who asks for help is told, whatever else is wrong
    }
  }
}

void Options::take_positionals(const std::vector<std::string>& words) {
  size_t next = 0;
  for (const Positional& positional : positionals_) {
    if (next == words.size()) {
      if (positional.required) fail(Exit::kUsage, "{} is missing", positional.placeholder);
      continue;
    }
    const size_t end = positional.repeatable ? words.size() : next + 1;
    positional.store(std::vector<std::string>(words.begin() + static_cast<std::ptrdiff_t>(next),
                                              words.begin() + static_cast<std::ptrdiff_t>(end)));
    next = end;
  }
  if (next < words.size()) fail(Exit::kUsage, "unexpected argument '{}'", words[next]);
}

void Options::parse(const std::vector<std::string>& arguments, const Weaker& weaker, bool* help_wanted) {
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  std::vector<std::string> words;
  parse_options(std::vector<std::string>(arguments.begin(), dashes), &words, help_wanted);
  if (*help_wanted) return;
  for (const std::string& word : words) {
    if (word.size() < 2 || word[0] != '-') continue;
    std::vector<std::string> known = {"--help"};
    for (const auto& option : options_) known.push_back("--" + option->name);
    fail(Exit::kUsage, "unknown option '{}'{}", word, did_you_mean(word.substr(0, word.find('=')), known));
  }
  if (dashes != arguments.end()) words.insert(words.end(), dashes + 1, arguments.end());
  take_positionals(words);
  if (weaker) weaker(*this);
}

}  // namespace r1
