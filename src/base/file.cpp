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

// Reads up to `size` bytes; 0 at the end. Throws.
size_t read_some(int descriptor, char* data, size_t size, std::string_view name) {
  for (;;) {
    const ssize_t got = ::read(descriptor, data, size);
    if (got >= 0) return static_cast<size_t>(got);
    if (errno == EISDIR) fail(Exit::kFailure, "{}: is a folder, not a file", name);
    if (errno != EINTR) fail(Exit::kFailure, "{}: cannot be read: {}", name, std::strerror(errno));
  }
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  const Descriptor file(open_for_reading(path, O_NONBLOCK));
  struct stat facts;
  if (::fstat(file.number(), &facts) != 0 || !S_ISREG(facts.st_mode)) {
    fail(Exit::kFailure, "{}: is {}, not a file", path.string(),
         S_ISDIR(facts.st_mode) ? "a folder" : "a pipe or device");
  }
  size_ = static_cast<size_t>(facts.st_size);
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
  const std::string name = path.string();
  std::string content;
  char buffer[1 << 16];
  for (;;) {  // not by size: pipes and /proc files have none
    const size_t got = read_some(file.number(), buffer, sizeof buffer, name);
    if (got == 0) return content;
    if (got > max_bytes - content.size()) {
      fail(Exit::kFailure, "{}: is larger than the limit of {} bytes", name, max_bytes);
    }
    content.append(buffer, got);
  }
}

AtomicFile::AtomicFile(const std::filesystem::path& path) : path_(path) {
  std::error_code ignored;  // a file that is not there yet has no canonical name
  if (std::filesystem::is_symlink(path, ignored)) path_ = std::filesystem::weakly_canonical(path, ignored);
  const auto status = std::filesystem::status(path_, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
  } else {
    static std::atomic<unsigned> count{0};
    temporary_ = fmt::format("{}.tmp-{}-{}", path_.string(), ::getpid(), count++);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  }
  if (descriptor_ < 0) fail_to("created");
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
