// Runs the program as a person or a script does: by a shell, in a folder of its own, without this machine's settings.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace r1 {

struct Ran {
  int status = -1;
  std::string out, err;
};

class ProgramTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "r1-cli-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // `arguments` is shell text: what stands behind "r1". `before` stands in front of it: variables, or the rest of a
  // pipe.
  Ran r1(const std::string& arguments, const std::string& before = "") const {
    const std::string command = "cd '" + folder_.string() + "' && export HOME='" + folder_.string() +
                                "' XDG_CONFIG_HOME='" + folder_.string() +
                                "/config' XDG_CONFIG_DIRS=/nowhere XDG_STATE_HOME='" + folder_.string() +
                                "/state' TERM=dumb; { " + before + " " R1_PROGRAM " " + arguments +
                                "; } >out.txt 2>err.txt" + (before.find('|') == std::string::npos ? " </dev/null" : "");
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read("out.txt"), read("err.txt")};
  }

  std::string read(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(folder_ / name).rdbuf();
    return text.str();
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

  std::filesystem::path folder_;
};

}  // namespace r1
