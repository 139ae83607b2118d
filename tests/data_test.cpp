// Tests walk whatever fixtures and GGUF files are there. So that nobody takes few for all, what is absent is counted
// against a list of what there is to have (tests/data/known.txt).
#include <fstream>

#include "test_data.h"

namespace r1 {
namespace {

TEST(Data, IsWhole) {
  int fixtures = 0, files = 0, known = 0;
  std::string names;
  std::ifstream list(std::filesystem::path(R1_SOURCE_DIR) / "tests" / "data" / "known.txt");
  for (std::string name; std::getline(list, name);) {
    if (name.starts_with('#')) continue;
    ++known;
    if (find_data(name)) continue;
    ++(name.ends_with(".gguf") ? files : fixtures);
    names += "\n  " + name;
  }
  ASSERT_GT(known, 0) << "tests/data/known.txt cannot be read";
  if (fixtures + files > 0) {
    GTEST_SKIP() << fixtures << " fixtures and " << files << " GGUF files of ../shared are absent; the other "
                 << known - fixtures - files << " are tested" << names;
  }
}

}  // namespace
}  // namespace r1
