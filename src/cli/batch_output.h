// Batch output: the JSONL that a batch verb writes, a line at a time, so that a killed run loses nothing that it had
// finished. A file that is already there is continued: its whole lines are kept, a torn last line is removed, and their
// ids are not done again.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_set>

#include "base/json.h"
#include "cli/output.h"

namespace r1 {

class BatchOutput {
 public:
  // "-" is standard output, which is never continued. `ordered`: lines leave in the order of their numbers.
  // `kept` is told of every line that an earlier run wrote.
  BatchOutput(const std::string& path, bool ordered, const std::function<void(const OrderedJson&)>& kept = {});

  bool has(const std::string& id) const { return done_.count(id) > 0; }  // an id as JSON; written by an earlier run
  size_t kept() const { return done_.size(); }

  // Opens the file for the lines to come. After the input was checked: a wrong input leaves no empty file behind.
  void open();

  // Line `number` of the work at hand (0, 1, 2, … without gaps over all calls, in any order).
  void put(size_t number, std::string line);
  void close();  // throws Error if anything could not be written

 private:
  void resume(const std::string& path, const std::function<void(const OrderedJson&)>& kept);
  void write(const std::string& line);

  std::string path_;
  bool ordered_;
  std::unordered_set<std::string> done_;
  std::map<size_t, std::string> waiting_;
  size_t next_ = 0;
  std::unique_ptr<Output> file_;
};

}  // namespace r1
