// Error: somebody's input is wrong, told in one helpful sentence. R1_CHECK: we are wrong, told with the values.
//
// Error is thrown where the sentence can be complete (file, field, what was found, what was expected) and caught at a
// door: the command line prints "r1: error: …" and leaves with the exit code, a server answers 4xx. Kernels never
// throw.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace r1 {

// Exit codes of the program: the contract with scripts that call it.
enum class Exit : int {
  kOk = 0,
  kFailure = 1,
  kUsage = 2,
  kNotFound = 3,  // model or file
  kBadModel = 4,  // bad or corrupt model
  kOutOfMemory = 5,
  kNetwork = 6,
  kChecksum = 7,
  kBind = 8,
  kInterrupted = 130,  // SIGINT
  kTerminated = 143,   // SIGTERM
};

class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& sentence, Exit exit = Exit::kFailure, std::string hint = "")
      : std::runtime_error(sentence), exit_(exit), hint_(std::move(hint)) {}

  Exit exit() const { return exit_; }
  const std::string& hint() const { return hint_; }  // what to do about it; may be empty

 private:
  Exit exit_;
  std::string hint_;
};

// throw Error with a formatted sentence: fail(Exit::kBadModel, "{}: '{}' is missing", file, tensor).
template <typename... Args>
[[noreturn]] void fail(Exit exit, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...), exit);
}

// Prints the broken invariant with file and line to stderr and aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* condition, const std::string& values);

}  // namespace r1

// R1_CHECK(rows == 3, "rows {}", rows): for what only a bug of ours can break, never for input.
#define R1_CHECK(condition, ...)      \
  (__builtin_expect(!!(condition), 1) \
       ? (void)0                      \
       : ::r1::check_failed(__FILE__, __LINE__, #condition, ::fmt::format(__VA_ARGS__)))
