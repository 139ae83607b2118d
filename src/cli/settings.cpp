#include "cli/settings.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "base/file.h"
#include "cli/general_options.h"
#include "cli/suggest.h"
#include "cli/verb.h"

namespace r1 {
namespace {

std::filesystem::path home_folder(const char* variable, const char* below_home) {
  const char* value = std::getenv(variable);
  if (value != nullptr && *value == '/') return value;
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home != nullptr && *home != '\0' ? home : "/") / below_home;
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return c == '-' ? '_' : static_cast<char>(std::toupper(c)); });
  return text;
}

// The options that configuration may speak of, per verb.
using Keys = std::map<std::string, std::vector<std::string>>;

Keys configurable_keys() {
  Keys keys;
  for (const Verb& verb : verbs()) {
    Options options(verb.name);
    verb.declare(options);
    GeneralOptions general;
    general.declare(options);
    auto& names = keys[verb.name];
    for (const auto& option : options.all()) {
      if (option->configurable) names.push_back(option->name);
    }
  }
  return keys;
}

std::string text_of(const toml::node& node, const std::string& where) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  if (const auto* whole = node.as_integer()) return std::to_string(whole->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  fail(Exit::kUsage, "{}: is neither text, a number, true or false, nor a list of these", where);
}

std::vector<std::string> texts_of(const toml::node& node, const std::string& where) {
  std::vector<std::string> texts;
  if (const auto* list = node.as_array()) {
    for (const toml::node& item : *list) texts.push_back(text_of(item, where));
  } else {
    texts.push_back(text_of(node, where));
  }
  return texts;
}

std::string place(const std::string& file, const toml::node& node) {
  return fmt::format("{} line {}", file, node.source().begin.line);
}

void check_keys(const toml::table& table, const std::string& file, const Keys& keys) {
  std::vector<std::string> everywhere;
  for (const auto& [verb, names] : keys) {
    everywhere.push_back(verb);
    everywhere.insert(everywhere.end(), names.begin(), names.end());
  }
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    if (const toml::table* inner = node.as_table()) {
      const auto verb = keys.find(name);
      if (verb == keys.end())
        fail(Exit::kUsage, "{}: unknown table [{}]{}", place(file, node), name, did_you_mean(name, everywhere));
      for (const auto& [inner_key, inner_node] : *inner) {
        const std::string inner_name(inner_key.str());
        if (std::find(verb->second.begin(), verb->second.end(), inner_name) == verb->second.end()) {
          fail(Exit::kUsage, "{}: unknown key '{}' in [{}]{}", place(file, inner_node), inner_name, name,
               did_you_mean(inner_name, verb->second));
        }
      }
    } else if (std::find(everywhere.begin(), everywhere.end(), name) == everywhere.end() || keys.count(name) > 0) {
      fail(Exit::kUsage, "{}: unknown key '{}'{}", place(file, node), name, did_you_mean(name, everywhere));
    }
  }
}

toml::table parse_settings(const std::filesystem::path& path) {
  try {
    return toml::parse(read_file(path, size_t{1} << 20), path.string());
  } catch (const toml::parse_error& error) {
    throw Error(fmt::format("{} line {}: {}", path.string(), error.source().begin.line, error.description()),
                Exit::kUsage);
  }
}

void fill_from_file(Options& options, const SettingsFile& file, const Keys& keys) {
  if (!file.required && kind_of(file.path) == FileKind::Nothing) return;
  const toml::table table = parse_settings(file.path);
  const std::string name = file.path.string();
  check_keys(table, name, keys);
  const toml::table* own = table[options.verb()].as_table();
  for (const auto& option : options.all()) {
    if (!option->configurable || option->chosen()) continue;
    const toml::node* node = own != nullptr ? own->get(option->name) : nullptr;
    if (node == nullptr) node = table.get(option->name);
    if (node == nullptr || node->is_table()) continue;
    std::vector<std::string> values = texts_of(*node, fmt::format("{}: {}", place(name, *node), option->name));
    if (!option->repeatable && values.size() != 1)
      fail(Exit::kUsage, "{}: {} takes one value", place(name, *node), option->name);
    options.choose(*option, std::move(values), name);
  }
}

}  // namespace

std::filesystem::path xdg_config_home() { return home_folder("XDG_CONFIG_HOME", ".config"); }
std::filesystem::path xdg_state_home() { return home_folder("XDG_STATE_HOME", ".local/state"); }

std::string environment_name(const std::string& option) { return "R1_" + upper(option); }
std::string environment_name(const std::string& verb, const std::string& option) {
  return "R1_" + upper(verb) + "_" + upper(option);
}

std::vector<SettingsFile> settings_files(const std::string& named) {
  std::vector<SettingsFile> files;
  if (!named.empty()) files.push_back({named, true});
  files.push_back({xdg_config_home() / "r1" / "config.toml"});
  const char* folders = std::getenv("XDG_CONFIG_DIRS");
  std::string rest = folders != nullptr && *folders != '\0' ? folders : "/etc/xdg";
  while (!rest.empty()) {
    const size_t colon = rest.find(':');
    const std::string folder = rest.substr(0, colon);
    if (folder.starts_with('/')) files.push_back({std::filesystem::path(folder) / "r1" / "config.toml"});
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
  }
  files.push_back({"/etc/r1/config.toml"});
  return files;
}

void fill_from_settings(Options& options, const std::string& config_file) {
  for (const auto& option : options.all()) {
    if (!option->configurable || option->chosen()) continue;
    for (const std::string& variable :
         {environment_name(options.verb(), option->name), environment_name(option->name)}) {
      const char* value = std::getenv(variable.c_str());
      if (value == nullptr) continue;
      options.choose(*option, {value}, variable);
      break;
    }
  }
  const Keys keys = configurable_keys();
  for (const SettingsFile& file : settings_files(config_file)) fill_from_file(options, file, keys);
}

}  // namespace r1
