#include "cli/batch_output.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/terminal.h"
#include "folder_test.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;

const BatchOutput::Format kFormat = {"count", {"sum"}};

class BatchOutputTest : public FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    path_ = folder_ / "out.jsonl";
    set_terminal({Colour::Never, -1});  // no notes
  }

  void write(const std::string& text) const { std::ofstream(path_) << text; }
  std::string read() const {
    std::ostringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }

  std::string path_;
};

constexpr const char* kOne = "{\"id\":1,\"sum\":0}\n";
constexpr const char* kTwo = "{\"id\":\"b\",\"sum\":0}\n";

TEST_F(BatchOutputTest, LinesLeaveInTheOrderOfTheirNumbers) {
  BatchOutput output(path_, kFormat, true);
  EXPECT_FALSE(fs::exists(path_));
  output.open();
  output.put(2, "c");
  output.put(0, "a");
  EXPECT_EQ(read(), "a\n");  // at once: nothing is lost by a kill
  output.put(1, "b");
  EXPECT_EQ(read(), "a\nb\nc\n");
  output.close();
}

TEST_F(BatchOutputTest, LinesLeaveAsTheyCome) {
  BatchOutput output(path_, kFormat, false);
  output.open();
  output.put(1, "b");
  output.put(0, "a");
  EXPECT_EQ(read(), "b\na\n");
  output.close();
}

TEST_F(BatchOutputTest, WhatIsThereIsKept) {
  write(std::string(kOne) + kTwo + "{\"id\":3,\"su");
  int told = 0;
  BatchOutput output(path_, kFormat, true, [&](const OrderedJson& line) { told += line.contains("sum") ? 1 : 0; });
  EXPECT_EQ(told, 2);
  EXPECT_EQ(output.kept(), 2u);
  EXPECT_TRUE(output.has("1") && output.has("\"b\""));
  EXPECT_FALSE(output.has("\"1\"") || output.has("3"));
  EXPECT_EQ(read(), std::string(kOne) + kTwo + "{\"id\":3,\"su");  // until open()
  output.open();
  EXPECT_EQ(read(), std::string(kOne) + kTwo);
  output.put(0, "new");
  output.close();
  EXPECT_EQ(read(), std::string(kOne) + kTwo + "new\n");
}

// A run may be killed behind any byte of a line.
TEST_F(BatchOutputTest, EveryCutOfOurOwnIsContinued) {
  const std::string whole = std::string(kOne) + kTwo;
  for (size_t size = 0; size <= whole.size(); ++size) {
    write(whole.substr(0, size));
    BatchOutput output(path_, kFormat, true);
    output.open();
    output.close();
    EXPECT_EQ(read(), size == whole.size() ? whole : size > whole.find('\n') ? kOne : "") << size;
  }
}

TEST_F(BatchOutputTest, AStrangersFileIsRefusedAndUnchanged) {
  for (const std::string text :
       {"notes", "notes\n", "\n", "{}\n", "[1]\n", "{\"id\":1}\n", "{\"id\":1,\"total\":0}\n", "{ \"id\":1",
        "{\"name\":\"", "{\"id\":1,\"sum\":0}\nnotes", "{\"id\":1,\"sum\":0}\n\n", "\"id\""}) {
    write(text);
    try {
      BatchOutput output(path_, kFormat, true);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.exit(), Exit::kUsage);
      const std::string said = error.what();
      EXPECT_EQ(said.find(path_ + " line "), 0u) << said;
      EXPECT_NE(said.find("not written by 'r1 count' and is not continued"), said.npos) << said;
      EXPECT_NE(error.hint(), "");
    }
    EXPECT_EQ(read(), text);
  }
}

TEST_F(BatchOutputTest, OneFileUnderTwoNamesIsFound) {
  write("x");
  fs::create_hard_link(path_, folder_ / "hard");
  fs::create_symlink(path_, folder_ / "soft");
  for (const std::string& other :
       {path_, (folder_ / "hard").string(), (folder_ / "soft").string(), (folder_ / "." / "out.jsonl").string()}) {
    EXPECT_THROW(check_not_same_file(path_, other), Error) << other;
    EXPECT_THROW(check_not_same_file(other, path_), Error) << other;
  }
  check_not_same_file(path_, (folder_ / "new").string());
  check_not_same_file((folder_ / "new").string(), path_);
  check_not_same_file("/dev/null", "/dev/null");
}

}  // namespace
}  // namespace r1
