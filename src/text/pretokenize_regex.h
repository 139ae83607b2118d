// A split pattern for which there is no scanner, by PCRE2. tokenizer.json's patterns are written for another engine
// (Oniguruma); what both read alike is taken, \s, \S and \w are given Unicode's meaning, and what they read differently
// is refused by name.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "text/pretokenize_scanners.h"

namespace r1 {

class SplitRegex {
 public:
  // `what` names the pattern in errors. Throws Error(kBadModel).
  SplitRegex(std::string_view pattern, const std::string& what);
  ~SplitRegex();

  // Calls `match(begin, end)` for all matches of valid UTF-8 from left to right. An empty match is a cut; one directly
  // behind the match before it does not count. Throws Error(kBadModel) where the pattern takes more steps than PCRE2's
  // limit. May be called from any thread.
  template <typename Callback>
  void for_each_match(std::string_view piece, Callback match) const {
    Search search(*this, piece);
    while (search.next()) match(search.begin, search.end);
  }

 private:
  struct Code;
  struct Search {
    Search(const SplitRegex& regex, std::string_view piece);
    ~Search();
    bool next();

    size_t begin = 0, end = 0;

   private:
    int match_from(size_t from, unsigned options);

    const SplitRegex* regex_;
    std::string_view piece_;
    size_t from_ = 0;
    bool after_match_ = false;
    void* match_data_;
  };

  std::string what_;
  std::unique_ptr<const Code> code_;
};

}  // namespace r1
