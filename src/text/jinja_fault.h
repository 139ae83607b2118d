// Fault: what is wrong with a template, or with what it does to its input; and the limits that keep strangers'
// templates harmless.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "base/error.h"

namespace r1::jinja {

// ChatTemplate makes an Error of it, with name and line.
struct Fault : std::runtime_error {
  enum Kind { kMistake, kUnsupported, kRaised };  // kRaised: the template called raise_exception
  Fault(Kind kind, const std::string& sentence, int line = 0) : std::runtime_error(sentence), kind(kind), line(line) {}
  Kind kind;
  int line;  // 0: not known yet
};

template <typename... Args>
[[noreturn]] void mistake(fmt::format_string<Args...> format, Args&&... args) {
  throw Fault(Fault::kMistake, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
[[noreturn]] void unsupported(fmt::format_string<Args...> format, Args&&... args) {
  throw Fault(Fault::kUnsupported, fmt::format(format, std::forward<Args>(args)...));
}

// Limits for templates from strangers (tokenizer.md 5). Work is counted in about a byte moved, a nanosecond: kWork ends
// within a second or a few. One evaluated node is kNodeWork; one value copied, compared or looked up, and one
// character decoded, kItemWork.
struct Limits {
  static constexpr size_t kSource = size_t{1} << 20;  // bytes of the template itself
  static constexpr size_t kText = size_t{16} << 20;   // bytes of the output, and of any one string
  static constexpr int64_t kLoopSteps = 1'000'000;    // of all loops together
  static constexpr size_t kPieces = 1'000'000;        // of one split
  static constexpr int kNesting = 200;                // of blocks and brackets in the source, and of containers
  static constexpr int kDepth = 2500;                 // of evaluation: nodes in nodes, macros in macros
  static constexpr int64_t kRange = 100'000;          // elements of range(); the hub's sandbox has the same
  static constexpr int64_t kWork = int64_t{1} << 30;
  static constexpr int64_t kNodeWork = 32;
  static constexpr int64_t kItemWork = 8;
  static constexpr size_t kMemory = size_t{256} << 20;  // made by the template: live strings, all containers
};

}  // namespace r1::jinja
