#include "cli/settings.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "folder_test.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;

class SettingsTest : public FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    ::setenv("XDG_CONFIG_HOME", (folder_ / "home").c_str(), 1);
    ::setenv("XDG_CONFIG_DIRS", (folder_ / "first").string().append(":relative:").append(folder_ / "second").c_str(),
             1);
    options_.add("top-k", top_k_, "K", "");
    options_.add_list("stop", stop_, "TEXT", "");
    options_.add_switch("exact", exact_, "");
  }
  void TearDown() override {
    for (const char* name : {"XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "R1_TOP_K", "R1_RUN_TOP_K", "R1_EXACT"})
      ::unsetenv(name);
    FolderTest::TearDown();
  }

  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
  }
  std::string fill(const std::string& named = "") {
    try {
      fill_from_settings(options_, named.empty() ? "" : (folder_ / named).string());
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
  const std::string& origin() { return options_.find("top-k")->origin; }

  int top_k_ = 0;
  std::vector<std::string> stop_;
  bool exact_ = false;
  Options options_{"run"};
};

TEST_F(SettingsTest, FilesAreLookedAtInTheirOrder) {
  const std::vector<SettingsFile> files = settings_files("named.toml");
  ASSERT_EQ(files.size(), 5u);
  EXPECT_EQ(files[0].path, "named.toml");
  EXPECT_TRUE(files[0].required);
  EXPECT_EQ(files[1].path, folder_ / "home/r1/config.toml");
  EXPECT_EQ(files[2].path, folder_ / "first/r1/config.toml");
  EXPECT_EQ(files[3].path, folder_ / "second/r1/config.toml");
  EXPECT_EQ(files[4].path, "/etc/r1/config.toml");
  EXPECT_FALSE(files[4].required);
  ::setenv("XDG_CONFIG_HOME", "relative", 1);
  ::setenv("HOME", "/home/someone", 1);
  EXPECT_EQ(xdg_config_home(), "/home/someone/.config");
}

TEST_F(SettingsTest, NamesOfTheEnvironment) {
  EXPECT_EQ(environment_name("top-k"), "R1_TOP_K");
  EXPECT_EQ(environment_name("run", "top-k"), "R1_RUN_TOP_K");
}

TEST_F(SettingsTest, TheVerbsOwnVariableIsStrongest) {
  write("home/r1/config.toml", "top-k = 1\n");
  ::setenv("R1_TOP_K", "2", 1);
  ::setenv("R1_RUN_TOP_K", "3", 1);
  EXPECT_EQ(fill(), "");
  EXPECT_EQ(top_k_, 3);
  EXPECT_EQ(origin(), "R1_RUN_TOP_K");
}

TEST_F(SettingsTest, TheNamedFileThenTheUsersThenTheSystems) {
  write("second/r1/config.toml", "top-k = 1\nstop = 'x'\n");
  write("first/r1/config.toml", "[run]\ntop-k = 2\nexact = true\n");
  write("home/r1/config.toml", "[score]\ntop = 9\n");
  EXPECT_EQ(fill(), "");
  EXPECT_EQ(top_k_, 2);
  EXPECT_EQ(origin(), (folder_ / "first/r1/config.toml").string());
  EXPECT_EQ(stop_, std::vector<std::string>{"x"});
  EXPECT_TRUE(exact_);
}

TEST_F(SettingsTest, TheNamedFileIsStrongerAndHasToExist) {
  write("home/r1/config.toml", "top-k = 1\n");
  write("named.toml", "top-k = 4\n[run]\ntop-k = 5\nstop = ['a', 'b', 3]\n");
  EXPECT_EQ(fill("named.toml"), "");
  EXPECT_EQ(top_k_, 5);
  EXPECT_EQ(stop_, (std::vector<std::string>{"a", "b", "3"}));
  EXPECT_NE(fill("nowhere.toml"), "");
}

TEST_F(SettingsTest, WrongFilesAreNamed) {
  const struct {
    const char *text, *said;
  } cases[] = {
      {"top-k = \n", "named.toml line 1: "},
      {"\ntopk = 1\n", "named.toml line 2: unknown key 'topk' (did you mean 'top-k'?)"},
      {"[run]\ntopk = 1\n", "line 2: unknown key 'topk' in [run] (did you mean 'top-k'?)"},
      {"[rum]\n", "unknown table [rum] (did you mean 'run'?)"},
      {"top-k = [1, 2]\n", "line 1: top-k takes one value"},
      {"top-k = []\n", "line 1: top-k takes one value"},
      {"top-k = 'x'\n", "'x' is not a whole number"},
      {"top-k = 1979-05-27\n", "top-k: is neither text, a number, true or false, nor a list of these"},
      {"stop = [['x']]\n", "stop: is neither text, a number"},
      {"run = 1\n", "unknown key 'run'"},
  };
  for (const auto& c : cases) {
    write("named.toml", c.text);
    const std::string said = fill("named.toml");
    EXPECT_NE(said.find(c.said), std::string::npos) << said << " instead of " << c.said;
    EXPECT_NE(said.find("named.toml"), std::string::npos) << said;
  }
}

}  // namespace
}  // namespace r1
