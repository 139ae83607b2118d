#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>
#include <utility>

namespace r1 {
namespace {

// A descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

// `more` flags: O_NONBLOCK lets the caller look at a pipe without waiting for its writer.
int open_for_reading(const std::filesystem::path& path, int more = 0) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | more);
  if (descriptor < 0) fail(Exit::kNotFound, "{}: cannot be opened: {}", path.string(), std::strerror(errno));
  return descriptor;
}

// The size of a regular file; throws for what is none.
size_t regular_size(int descriptor, const std::filesystem::path& path) {
  struct stat facts;
  if (::fstat(descriptor, &facts) != 0)
    fail(Exit::kFailure, "{}: cannot be read: {}", path.string(), std::strerror(errno));
  if (S_ISREG(facts.st_mode)) return static_cast<size_t>(facts.st_size);
  fail(Exit::kFailure, "{}: is {}, not a file", path.string(),
       S_ISDIR(facts.st_mode) ? "a folder" : "a pipe or device");
}

// Reads up to `size` bytes; 0 at the end. Throws.
size_t read_some(int descriptor, char* data, size_t size, std::string_view name) {
  for (;;) {
    const ssize_t got = ::read(descriptor, data, size);
    if (got >= 0) return static_cast<size_t>(got);
    if (errno == EISDIR) fail(Exit::kFailure, "{}: is a folder, not a file", name);
    if (errno != EINTR) fail(Exit::kFailure, "{}: cannot be read: {}", name, std::strerror(errno));
  }
}

std::string read_to_end(int descriptor, const std::string& name, size_t max_bytes) {
  std::string content;
  char buffer[1 << 16];
  for (;;) {  // not by size: pipes and /proc files have none
    const size_t got = read_some(descriptor, buffer, sizeof buffer, name);
    if (got == 0) return content;
    if (got > max_bytes - content.size()) {
      fail(Exit::kFailure, "{}: is larger than the limit of {} bytes", name, max_bytes);
    }
    content.append(buffer, got);
  }
}

// A link's end: what replaces the link would leave the file it names as it was.
std::filesystem::path followed(const std::filesystem::path& path) {
  std::error_code ignored;  // a file that is not there yet has no canonical name
  return std::filesystem::is_symlink(path, ignored) ? std::filesystem::weakly_canonical(path, ignored) : path;
}

// Makes something new under a name beside `path` and returns the name. `make(name)` returns a negative number and sets
// errno where it fails. Names of a killed process that had our number may still be there: the next is tried.
std::filesystem::path made_beside(const std::filesystem::path& path, const std::function<int(const char* name)>& make) {
  static std::atomic<unsigned> count{0};
  for (int tries_left = 1000;; --tries_left) {
    const std::filesystem::path name = fmt::format("{}.tmp-{}-{}", path.string(), ::getpid(), count++);
    if (make(name.c_str()) >= 0) return name;
    const int problem = errno;
    if (problem == EEXIST && tries_left > 0) continue;
    fail(Exit::kFailure, "{}: cannot be created: {}", (problem == EEXIST ? name : path).string(),
         std::strerror(problem));
  }
}

std::filesystem::path make_folder_beside(const std::filesystem::path& path) {
  return made_beside(path, [](const char* name) { return ::mkdir(name, 0777); });
}

void rename_to(const std::filesystem::path& from, const std::filesystem::path& to, const std::filesystem::path& named) {
  if (::rename(from.c_str(), to.c_str()) == 0) return;
  fail(Exit::kFailure, "{}: cannot be created: {}", named.string(), std::strerror(errno));
}

}  // namespace

FileKind kind_of(const std::filesystem::path& path) {
  struct stat facts;
  if (::stat(path.c_str(), &facts) == 0) {
    return S_ISREG(facts.st_mode) ? FileKind::File : S_ISDIR(facts.st_mode) ? FileKind::Folder : FileKind::Other;
  }
  if (errno == ENOENT || errno == ENOTDIR) return FileKind::Nothing;
  fail(Exit::kNotFound, "{}: cannot be opened: {}", path.string(), std::strerror(errno));
}

bool is_free(const std::filesystem::path& path) {
  const FileKind kind = kind_of(path);
  std::error_code problem;
  return kind == FileKind::Folder ? std::filesystem::is_empty(path, problem) && !problem : kind == FileKind::Nothing;
}

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  const Descriptor file(open_for_reading(path, O_NONBLOCK));
  size_ = regular_size(file.number(), path);
  if (size_ == 0) return;  // nothing to map
  void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.number(), 0);
  if (mapped == MAP_FAILED) fail(Exit::kFailure, "{}: cannot be mapped: {}", path.string(), std::strerror(errno));
  data_ = static_cast<const std::byte*>(mapped);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)), data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

void MappedFile::forget(std::span<const std::byte> part) const {
  // Only whole pages inside the part: a neighbour on the border page may still be read.
  const uintptr_t page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(part.data()) + page - 1) / page * page;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(part.data()) + part.size()) / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

std::string read_file(const std::filesystem::path& path, size_t max_bytes) {
  const Descriptor file(open_for_reading(path));
  return read_to_end(file.number(), path.string(), max_bytes);
}

std::string read_regular_file(const std::filesystem::path& path, size_t max_bytes) {
  const Descriptor file(open_for_reading(path, O_NONBLOCK));
  regular_size(file.number(), path);
  return read_to_end(file.number(), path.string(), max_bytes);
}

AtomicFile::AtomicFile(const std::filesystem::path& path) : path_(followed(path)) {
  struct stat old;
  const bool is_there = ::stat(path_.c_str(), &old) == 0;
  if (is_there && !S_ISREG(old.st_mode)) {
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor_ < 0) fail_to("created");
    return;
  }
  temporary_ = made_beside(path_, [&](const char* name) {
    return descriptor_ = ::open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, is_there ? 0600 : 0666);
  });
  // What was private stays so. A file system that refuses has no permissions to keep.
  if (is_there && ::fchmod(descriptor_, old.st_mode & 0777) != 0) errno = 0;
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::fail_to(const char* what) const {
  fail(Exit::kFailure, "{}: cannot be {}: {}", path_.string(), what, std::strerror(errno));
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(descriptor_, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail_to("written");
    bytes = bytes.subspan(static_cast<size_t>(put));
    size_ += static_cast<uint64_t>(put);
  }
}

void AtomicFile::commit() {
  if (!temporary_.empty()) {
    if (::fsync(descriptor_) != 0) fail_to("written");
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_to("created");
  }
  ::close(std::exchange(descriptor_, -1));
}

void write_file(const std::filesystem::path& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content);
  file.commit();
}

AtomicFolder::AtomicFolder(const std::filesystem::path& path, bool replace)
    : path_(followed(path.has_filename() ? path : path.parent_path())), replace_(replace) {
  if (!replace && !is_free(path_)) {
    throw Error(fmt::format("{}: exists already and is no empty folder", path_.string()), Exit::kFailure,
                "choose another name, or remove it");
  }
  temporary_ = make_folder_beside(path_);
  struct stat old;
  if (::stat(path_.c_str(), &old) == 0 && S_ISDIR(old.st_mode) &&
      ::chmod(temporary_.c_str(), (old.st_mode & 0777) | S_IRWXU) != 0) {
    errno = 0;  // a file system without permissions
  }
}

AtomicFolder::~AtomicFolder() {
  std::error_code ignored;
  if (!temporary_.empty()) std::filesystem::remove_all(temporary_, ignored);
}

void AtomicFolder::commit() {
  if (replace_ && !is_free(path_)) {
    swap_in();
  } else {
    rename_to(temporary_, path_, path_);
  }
  temporary_.clear();
}

// Whatever happens, both are somewhere.
void AtomicFolder::swap_in() {
  const std::filesystem::path aside = make_folder_beside(path_), old = aside / path_.filename();
  std::error_code ignored;
  try {
    rename_to(path_, old, path_);
    rename_to(temporary_, path_, path_);
  } catch (const Error&) {
    std::filesystem::rename(old, path_, ignored);
    std::filesystem::remove(aside, ignored);
    throw;
  }
  std::filesystem::remove_all(aside, ignored);
}

Lines::Lines(const std::filesystem::path& path, size_t max_line_bytes)
    : name_(path == "-" ? "standard input" : path.string()),
      descriptor_(path == "-" ? STDIN_FILENO : open_for_reading(path)),
      max_line_bytes_(max_line_bytes) {}

Lines::~Lines() {
  if (descriptor_ != STDIN_FILENO) ::close(descriptor_);
}

bool Lines::fill() {
  constexpr size_t kPiece = size_t{1} << 16;
  buffer_.erase(0, std::exchange(begin_, 0));
  const size_t kept = buffer_.size();
  buffer_.resize(kept + kPiece);
  const size_t got = read_some(descriptor_, buffer_.data() + kept, kPiece, name_);
  buffer_.resize(kept + got);
  return got > 0;
}

bool Lines::next() {
  size_t searched = 0;  // of the bytes from begin_ on: they hold no \n
  for (;;) {
    const size_t newline = buffer_.find('\n', begin_ + searched);
    const size_t length = (newline == std::string::npos ? buffer_.size() : newline) - begin_;
    if (length > max_line_bytes_) {
      fail(Exit::kFailure, "{} line {}: is longer than the limit of {} bytes", name_, number_ + 1, max_line_bytes_);
    }
    if (newline == std::string::npos) {
      searched = length;
      if (fill()) continue;
      if (length == 0) return false;
    }
    terminated_ = newline != std::string::npos;
    text_ = std::string_view(buffer_).substr(begin_, length);
    if (terminated_ && text_.ends_with('\r')) text_.remove_suffix(1);
    begin_ += length + (terminated_ ? 1 : 0);
    end_ += length + (terminated_ ? 1 : 0);
    ++number_;
    return true;
  }
}

std::string Lines::place() const { return fmt::format("{} line {}", name_, number_); }

}  // namespace r1
