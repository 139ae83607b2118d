// Files: map one, read one whole, write one so that a crash leaves the old or the new, walk the lines of a JSONL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace r1 {

// What stands under a name, links followed.
enum class FileKind : uint8_t { Nothing, File, Folder, Other };
// Throws Error(kNotFound) where that cannot be told: a folder on the way may not be entered, links go in a circle.
FileKind kind_of(const std::filesystem::path& path);

// Whether nothing stands there, or an empty folder. One that cannot be looked into is not known to be empty.
bool is_free(const std::filesystem::path& path);

// A read-only mapping of a whole regular file. Movable; unmaps on destruction. Truncating a mapped file is outside any
// promise.
class MappedFile {
 public:
  // Throws Error(kNotFound) when it cannot be opened, Error(kFailure) for a folder, a pipe or an unreadable file.
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

// The whole file as text; pipes and /proc files too. Throws Error(kNotFound) or, above `max_bytes`, Error(kFailure).
std::string read_file(const std::filesystem::path& path, size_t max_bytes = size_t{1} << 30);

// The same for files that must be files: a pipe in their place would be waited for. Throws Error(kFailure) for one.
std::string read_regular_file(const std::filesystem::path& path, size_t max_bytes = size_t{1} << 30);

// Writes to a temporary name beside `path`, fsyncs, renames. Throws Error (a full disk leaves the old file untouched).
void write_file(const std::filesystem::path& path, std::string_view content);

// The same for content made piece by piece. Destroyed without commit(): the temporary file is removed.
// A link is followed: the file it names is replaced, by one of the same permissions. What cannot be replaced
// (/dev/null, a pipe) is written to as it is.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  uint64_t size() const { return size_; }
  void commit();  // fsync and rename to the real name; nothing may be written after

 private:
  [[noreturn]] void fail_to(const char* what) const;

  std::filesystem::path path_, temporary_;  // temporary_ is empty where path_ cannot be replaced
  int descriptor_ = -1;
  uint64_t size_ = 0;
};

// The same for a folder: what is put into temporary() stands under `path` when it is complete. What stood there stays
// until then; after a crash in the midst of commit() it lies in "{path}.tmp-…". Destroyed without commit(): nothing
// has happened.
class AtomicFolder {
 public:
  // Throws Error(kFailure) where `path` is there and is no empty folder, unless `replace`.
  explicit AtomicFolder(const std::filesystem::path& path, bool replace = false);
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  const std::filesystem::path& temporary() const { return temporary_; }
  void commit();

 private:
  void swap_in();

  std::filesystem::path path_, temporary_;  // temporary_ is empty after commit()
  bool replace_;
};

// The lines of a text file, one at a time, without loading it whole. "-" is standard input.
//   for (Lines lines(path); lines.next();) use(lines.text(), lines.place());
// A line ends with \n, \r\n or the end of the file; an empty last line is none.
class Lines {
 public:
  // Throws Error(kNotFound) when the file cannot be opened.
  explicit Lines(const std::filesystem::path& path, size_t max_line_bytes = size_t{256} << 20);
  ~Lines();
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  // The next line, or false at the end. Throws Error for an unreadable file or a line above the limit.
  bool next();

  std::string_view text() const { return text_; }  // without its end; valid until next()
  int64_t number() const { return number_; }       // the first line is 1
  std::string place() const;                       // "prompts.jsonl line 7", to name it in errors
  uint64_t end() const { return end_; }            // bytes of the file up to and with this line's end
  bool terminated() const { return terminated_; }  // false: the file stops before the line's \n (a cut last line)

 private:
  bool fill();  // reads on; false at the end of the file

  std::string name_;
  int descriptor_ = -1;
  size_t max_line_bytes_;
  std::string buffer_;  // bytes read; from begin_ on not yet handed out
  size_t begin_ = 0;
  std::string_view text_;  // into buffer_
  int64_t number_ = 0;
  uint64_t end_ = 0;
  bool terminated_ = true;
};

}  // namespace r1
