// Where tests find their data: tests/data of this repository first, then the larger set beside the checkout
// (../shared/data, or $R1_SHARED_DATA). A test whose data is in neither skips with a message that says what is missing.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace r1 {

inline std::vector<std::filesystem::path> data_roots() {
  const std::filesystem::path source = R1_SOURCE_DIR;
  const char* elsewhere = std::getenv("R1_SHARED_DATA");
  std::vector<std::filesystem::path> roots = {source / "tests" / "data"};
  const std::filesystem::path shared =
      elsewhere != nullptr ? std::filesystem::path(elsewhere) : source / ".." / "shared" / "data";
  if (std::filesystem::is_directory(shared)) roots.push_back(shared);
  return roots;
}

// "fixtures/llama/golden.json" -> its path in the first root that has it.
inline std::optional<std::filesystem::path> find_data(const std::string& relative) {
  for (const auto& root : data_roots()) {
    if (std::filesystem::exists(root / relative)) return root / relative;
  }
  return std::nullopt;
}

// The entries of a folder over all roots, by name: a fixture added tomorrow is found without a line of code.
inline std::map<std::string, std::filesystem::path> data_entries(const std::string& folder) {
  std::map<std::string, std::filesystem::path> entries;
  for (const auto& root : data_roots()) {
    if (!std::filesystem::is_directory(root / folder)) continue;
    for (const auto& entry : std::filesystem::directory_iterator(root / folder)) {
      entries.emplace(entry.path().filename().string(), entry.path());
    }
  }
  return entries;
}

}  // namespace r1

// Declares `variable` as the path of the data, or skips the test.
#define R1_DATA_OR_SKIP(variable, relative)                                                                      \
  const auto variable##_found = ::r1::find_data(relative);                                                       \
  if (!variable##_found) GTEST_SKIP() << "needs " << (relative) << " (not in tests/data nor in ../shared/data)"; \
  const std::filesystem::path& variable = *variable##_found
