// Settings: what the environment and configuration files say about a verb's options (serving.md 17).
//
// A file is TOML. A key at the top speaks to every verb that has such an option, a key in the verb's table to that verb
// and more strongly:
//     threads = 4
//     [run]
//     temperature = 0.7
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/options.h"

namespace r1 {

struct SettingsFile {
  std::filesystem::path path;
  bool required = false;  // named by --config: it has to exist
};

// The files that are looked at, strongest first. `named` is --config's value or "".
std::vector<SettingsFile> settings_files(const std::string& named);

// Chooses every configurable option that is still open: environment first, then the files. An unknown key in a file is
// an Error with a suggestion; the declared verbs come from cli/verb.h.
void fill_from_settings(Options& options, const std::string& config_file);

// "R1_RUN_MAX_TOKENS" and "R1_MAX_TOKENS".
std::string environment_name(const std::string& verb, const std::string& option);
std::string environment_name(const std::string& option);

// XDG base folders; relative values of the variables are ignored, as that specification says.
std::filesystem::path xdg_config_home();
std::filesystem::path xdg_state_home();

}  // namespace r1
