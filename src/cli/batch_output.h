// Batch output: the JSONL that a batch verb writes, a line at a time, so that a killed run loses nothing that it had
// finished. A file that is already there is continued: its whole lines are kept, a torn last line is removed, and their
// ids are not done again. A file that this verb has not written is not touched.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/json.h"
#include "cli/output.h"

namespace r1 {

// Throws Error(kUsage) if both are one regular file, whatever it is called: continuing it would spoil the input.
// "-" is the file that standard input or output is.
void check_not_same_file(const std::string& in, const std::string& out);

class BatchOutput {
 public:
  struct Format {
    std::string verb;                 // who writes: "score"
    std::vector<std::string> fields;  // what every one of its lines has besides the id: {"nll", "perplexity"}
  };

  // Reads what is there and changes nothing yet. Throws Error(kUsage) where a line, or the beginning of a torn last
  // one, is not this format's. "-" is standard output, which is never continued. `ordered`: lines leave in the order of
  // their numbers. `kept` is told of every line that an earlier run wrote.
  BatchOutput(const std::string& path, Format format, bool ordered,
              const std::function<void(const OrderedJson&)>& kept = {});

  bool has(const std::string& id) const { return done_.count(id) > 0; }  // an id as JSON; written by an earlier run
  size_t kept() const { return done_.size(); }

  // Opens the file for the lines to come, and removes a torn last line. After the input was checked: a wrong input
  // neither leaves an empty file behind nor costs anybody a line.
  void open();

  // Line `number` of the work at hand (0, 1, 2, … without gaps over all calls, in any order).
  void put(size_t number, std::string line);
  void close();  // throws Error if anything could not be written

 private:
  void resume(const std::function<void(const OrderedJson&)>& kept);
  OrderedJson line_of_ours(std::string_view text, const std::string& where) const;
  [[noreturn]] void stranger(const std::string& where, const std::string& why) const;
  void write(const std::string& line);

  std::string path_;
  Format format_;
  bool ordered_;
  std::unordered_set<std::string> done_;
  uint64_t size_ = 0, whole_ = 0;  // bytes that are there, and those up to the end of the last whole line
  std::map<size_t, std::string> waiting_;
  size_t next_ = 0;
  std::unique_ptr<Output> file_;
};

}  // namespace r1
