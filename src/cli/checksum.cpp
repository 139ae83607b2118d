#include "cli/checksum.h"

#include <openssl/evp.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <sstream>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// Every run of exactly 64 hexadecimal digits, in lower case.
std::vector<std::string> find_sha256(const std::string& text) {
  std::vector<std::string> found;
  for (size_t i = 0; i < text.size();) {
    size_t end = i;
    while (end < text.size() && is_hex(text[end])) ++end;
    if (end - i == 64) {
      found.push_back(text.substr(i, 64));
      std::transform(found.back().begin(), found.back().end(), found.back().begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    }
    i = std::max(end, i + 1);
  }
  return found;
}

std::vector<std::string> lines_of(const fs::path& file) {
  std::vector<std::string> lines;
  if (!fs::is_regular_file(file)) return lines;
  std::istringstream text(read_file(file, size_t{1} << 24));
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

}  // namespace

std::string sha256_of(const fs::path& file, const std::function<void(uint64_t)>& read) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) fail(Exit::kNotFound, "{}: cannot be opened", file.string());
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  R1_CHECK(digest != nullptr && EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr) == 1, "{}", file.string());
  std::vector<char> buffer(size_t{1} << 20);
  while (stream) {
    stream.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    const auto got = static_cast<size_t>(stream.gcount());
    EVP_DigestUpdate(digest.get(), buffer.data(), got);
    if (read) read(got);
  }
  if (stream.bad()) fail(Exit::kFailure, "{}: cannot be read", file.string());
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_DigestFinal_ex(digest.get(), hash, &length);
  std::string hex;
  for (unsigned int i = 0; i < length; ++i) hex += fmt::format("{:02x}", hash[i]);
  return hex;
}

std::map<std::string, Expected> expected_checksums(const fs::path& folder) {
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path().filename().string());
  }
  std::map<std::string, Expected> expected;
  for (const std::string& file : files) {
    if (!fs::is_symlink(folder / file)) continue;
    const std::string blob = fs::read_symlink(folder / file).filename().string();
    if (find_sha256(blob) == std::vector{blob}) expected[file] = {{blob}, "the cache's name for it"};
  }
  for (const std::string source : {"README.md", "sha256sums.txt", "SHA256SUMS"}) {  // the later, the stronger
    for (const std::string& line : lines_of(folder / source)) {
      const std::vector<std::string> sha256 = find_sha256(line);
      if (sha256.empty()) continue;
      std::string named;  // the longest name in the line: "a.gguf" is also part of "aa.gguf"
      for (const std::string& file : files) {
        if (file.size() > named.size() && line.find(file) != std::string::npos) named = file;
      }
      if (named.empty()) continue;
      Expected& of_file = expected[named];
      if (of_file.source != source) of_file = {{}, source};
      of_file.sha256.insert(of_file.sha256.end(), sha256.begin(), sha256.end());
    }
  }
  return expected;
}

}  // namespace r1
