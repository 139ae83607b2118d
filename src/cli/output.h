// Output: where results go, standard output or a file that is appended to. Every failure to write is an Error: a full
// disk must not look like success.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace r1 {

// Thrown when the reader of a pipe has gone. The program then ends quietly, as one that SIGPIPE stops.
struct ClosedPipe {};

class Output {
 public:
  Output(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {}
  // Appends to a file, which is made if it is not there. Throws Error.
  explicit Output(const std::filesystem::path& path);
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void write(std::string_view text);  // buffered
  void flush();
  void close();  // flushes, and for a file waits until it is on the disk

 private:
  int descriptor_ = -1;
  std::string name_;  // for messages
  bool owned_ = false;
  std::string buffer_;
};

Output& standard_output();

}  // namespace r1
