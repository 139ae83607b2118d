// Checksums of files, and what others say they should be.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace r1 {

// SHA-256 in hex; `read` is told how many bytes were read since the last call.
std::string sha256_of(const std::filesystem::path& file, const std::function<void(uint64_t bytes)>& read);

struct Expected {
  std::vector<std::string>
      sha256;          // one; of prose all that stand in a line with the file's name, any of which may be it
  std::string source;  // where it stands, "SHA256SUMS"
};

// What stands in the folder about its files, by file name: lines of SHA256SUMS (or sha256sums.txt), lines of README.md
// that hold a file's name and a SHA-256, and names of blobs that links of a hub cache point to.
std::map<std::string, Expected> expected_checksums(const std::filesystem::path& folder);

}  // namespace r1
