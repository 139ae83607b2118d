// Files: map one, read one whole, write one so that a crash leaves the old or the new, walk the lines of a JSONL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace r1 {

// A read-only mapping of a whole file. Movable; unmaps on destruction. Truncating a mapped file is outside any promise.
class MappedFile {
 public:
  // Throws Error(kNotFound) when it cannot be opened, Error(kFailure) for a folder or an unreadable file.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }
  size_t size() const { return size_; }
  const std::filesystem::path& path() const { return path_; }

  // Tells the system that these bytes of the mapping are not needed soon: clean pages leave our resident set.
  void forget(std::span<const std::byte> part) const;

 private:
  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// The whole file as text. Throws Error(kNotFound) or, above `max_bytes`, Error(kFailure).
std::string read_file(const std::filesystem::path& path, size_t max_bytes = size_t{1} << 30);

// Writes to a temporary name beside `path`, fsyncs, renames. Throws Error (a full disk leaves the old file untouched).
void write_file(const std::filesystem::path& path, std::string_view content);

// The same for content made piece by piece. Destroyed without commit(): the temporary file is removed.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  uint64_t size() const { return size_; }
  void commit();  // fsync and rename to the real name

 private:
  std::filesystem::path path_, temporary_;
  int descriptor_ = -1;
  uint64_t size_ = 0;
};

}  // namespace r1
