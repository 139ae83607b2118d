#include "cli/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace r1 {

Output::Output(const std::filesystem::path& path) : name_(path.string()), owned_(true) {
  descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail(Exit::kFailure, "{}: cannot be written: {}", name_, std::strerror(errno));
}

Output::~Output() {
  if (owned_ && descriptor_ >= 0) ::close(descriptor_);
}

void Output::write(std::string_view text) {
  buffer_ += text;
  if (buffer_.size() > (size_t{1} << 16)) flush();
}

void Output::flush() {
  std::string_view left = buffer_;
  while (!left.empty()) {
    const ssize_t put = ::write(descriptor_, left.data(), left.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      const int reason = errno;
      buffer_.clear();
      if (reason == EPIPE) throw ClosedPipe{};
      fail(Exit::kFailure, "{}: cannot be written: {}", name_, std::strerror(reason));
    }
    left.remove_prefix(static_cast<size_t>(put));
  }
  buffer_.clear();
}

void Output::close() {
  flush();
  if (!owned_ || descriptor_ < 0) return;
  // A pipe or a device cannot be synchronised (EINVAL); whatever else goes wrong has lost data.
  if (::fsync(descriptor_) != 0 && errno != EINVAL && errno != EROFS) {
    fail(Exit::kFailure, "{}: cannot be written: {}", name_, std::strerror(errno));
  }
  if (::close(std::exchange(descriptor_, -1)) != 0)
    fail(Exit::kFailure, "{}: cannot be written: {}", name_, std::strerror(errno));
}

Output& standard_output() {
  static Output output(STDOUT_FILENO, "standard output");
  return output;
}

}  // namespace r1
