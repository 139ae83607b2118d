#include "base/control_groups.h"

#include <gtest/gtest.h>

namespace r1 {
namespace {

TEST(ControlGroups, FromTheOwnUpToTheRoot) {
  const std::vector<std::string> folders = control_groups();
  ASSERT_FALSE(folders.empty());
  EXPECT_EQ(folders.back(), "/sys/fs/cgroup");
  for (size_t i = 1; i < folders.size(); ++i) {
    EXPECT_EQ(folders[i - 1].substr(0, folders[i - 1].rfind('/')), folders[i]);
  }
}

}  // namespace
}  // namespace r1
