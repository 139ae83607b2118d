// Progress: how far long work has come, on stderr. On a terminal a bar that is redrawn at most ten times a second and
// survives a resize; elsewhere one plain line every ten seconds; nothing when quiet. Gone from the screen when the work
// is done or fails.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace r1 {

class Progress {
 public:
  enum class Unit { Bytes, Count };

  // `noun` names what is counted: "tensors", "lines"; ignored for bytes.
  Progress(std::string name, Unit unit, uint64_t total, std::string noun = "");
  ~Progress() { finish(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(uint64_t done) { update(done, total_); }
  void update(uint64_t done, uint64_t total);
  void remark(std::string text) { remark_ = std::move(text); }  // shown behind the numbers: "41.0 tok/s"
  void already(uint64_t done);                                  // done before this run: not part of the rate
  void finish();                                                // removes the bar
  void clear();  // removes the bar until the next update: something else is about to be printed

  double seconds() const;

 private:
  std::string line(int width) const;
  std::string amount(uint64_t value) const;
  void draw();

  std::string name_, noun_, remark_;
  Unit unit_;
  uint64_t total_, done_ = 0, before_ = 0;
  bool bar_, silent_;
  int drawn_ = 0;  // columns of the bar on the screen
  std::chrono::steady_clock::time_point begin_, last_;
};

std::string bytes_text(double bytes);                            // "1.4 GiB"
std::string duration_text(double seconds);                       // "3:07", "1:02:11"
std::string count_text(int64_t count, const std::string& noun);  // "1 line", "2 lines"

}  // namespace r1
