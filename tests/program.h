// Runs the program as a person or a script does: by a shell, in a folder of its own, without this machine's settings.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "folder_test.h"

namespace r1 {

struct Ran {
  int status = -1;
  std::string out, err;
};

// One word for the shell, whatever is in it.
inline std::string shell_word(const std::string& text) {
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

class ProgramTest : public FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    forget_settings();
  }

  // `arguments` is shell text: what stands behind "r1". `before` stands in front of it: variables, or the rest of a
  // pipe.
  Ran r1(const std::string& arguments, const std::string& before = "") const {
    const std::string command = "cd " + shell_word(folder_.string()) + " && { " + before + " " + program() + " " +
                                arguments + "; } >out.txt 2>err.txt" +
                                (before.find('|') == std::string::npos ? " </dev/null" : "");
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read("out.txt"), read("err.txt")};
  }
  static std::string program() { return shell_word(R1_PROGRAM); }  // for a shell

  // Starts the program without a shell, sends `signal` as soon as `file` has `count` lines, and returns how it ended:
  // the program's own status, for WIFEXITED and WIFSIGNALED.
  int signal_after_lines(std::vector<std::string> arguments, const std::string& file, int count, int signal) const {
    const pid_t child = ::fork();
    if (child == 0) become_program(std::move(arguments));
    for (int tries = 0; tries < 20000 && lines_in(file) < count; ++tries)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ::kill(child, signal);
    int status = 0;
    ::waitpid(child, &status, 0);
    return status;
  }

  std::string read(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(folder_ / name).rdbuf();
    return text.str();
  }
  int lines_in(const std::string& name) const {
    const std::string text = read(name);
    return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
  }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
  }
  static std::vector<std::string> lines(const std::string& text) {
    std::vector<std::string> list;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) list.push_back(line);
    return list;
  }

 private:
  // What the developer has set for himself must not decide a test. Children inherit this.
  void forget_settings() const {
    std::vector<std::string> ours = {"NO_COLOR", "CLICOLOR_FORCE"};
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string_view variable = *entry;
      if (variable.starts_with("R1_")) ours.emplace_back(variable.substr(0, variable.find('=')));
    }
    for (const std::string& name : ours) {
      if (name != "R1_SHARED_DATA" && name != "R1_ISA") ::unsetenv(name.c_str());
    }
    ::setenv("HOME", folder_.c_str(), 1);
    ::setenv("XDG_CONFIG_HOME", (folder_ / "config").c_str(), 1);
    ::setenv("XDG_CONFIG_DIRS", "/nowhere", 1);
    ::setenv("XDG_STATE_HOME", (folder_ / "state").c_str(), 1);
    ::setenv("TERM", "dumb", 1);
  }

  [[noreturn]] void become_program(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), R1_PROGRAM);
    std::vector<char*> words;
    for (std::string& argument : arguments) words.push_back(argument.data());
    words.push_back(nullptr);
    const int errors = ::open((folder_ / "err.txt").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (::chdir(folder_.c_str()) == 0 && ::dup2(errors, STDERR_FILENO) >= 0) ::execv(R1_PROGRAM, words.data());
    ::_exit(127);
  }
};

}  // namespace r1
