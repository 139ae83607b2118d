#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/pretokenize_regex.h"

#include <pcre2.h>

#include <new>

#include "base/error.h"
#include "base/utf8.h"

namespace r1 {
namespace {

// Reads a pattern once and writes it as PCRE2 has to read it.
class Translation {
 public:
  Translation(std::string_view pattern, const std::string& what) : pattern_(pattern), what_(what) {}

  std::string run() {
    for (at_ = 0; at_ < pattern_.size(); ++at_) {
      const char c = pattern_[at_];
      if (c == '\\') {
        escape();
      } else if (in_class_) {
        class_member(c);
      } else {
        if (c == '[') open_class();
        if (c == '(') group_options();
        written_ += c;
      }
    }
    return written_;
  }

 private:
  [[noreturn]] void refuse(std::string_view construct) const {
    fail(Exit::kBadModel, "{}: the pattern uses '{}', which regular-expression engines read differently", what_,
         construct);
  }

  void escape() {
    if (++at_ >= pattern_.size()) refuse("\\ at the end");
    const char c = pattern_[at_];
    if (c == 's' || c == 'S') {
      written_ += c == 's' ? "\\p{White_Space}" : "\\P{White_Space}";
    } else if (c == 'w') {
      written_ += in_class_ ? "\\p{L}\\p{M}\\p{N}\\p{Pc}" : "[\\p{L}\\p{M}\\p{N}\\p{Pc}]";
    } else if (std::string_view("WbBhHRXGKkgAzZyYoNO0123456789QE").find(c) != std::string_view::npos) {
      refuse(std::string("\\") + c);
    } else {
      written_ += '\\';
      written_ += c;
    }
  }

  void open_class() {
    in_class_ = true;
    class_start_ = at_;
  }

  void class_member(char c) {
    const bool first = at_ == class_start_ + 1 || (at_ == class_start_ + 2 && pattern_[class_start_ + 1] == '^');
    if (c == '[') refuse("[ inside [ ]");
    if (c == '&' && pattern_.substr(at_, 2) == "&&") refuse("&&");
    if (c == ']' && first) refuse("[]");
    if (c == ']') in_class_ = false;
    written_ += c;
  }

  // Call-outs, named groups, recursion and calls of groups: (?C1) (?P<a>) (?R) (?&a) (?1) (?-1) (?+1).
  void refuse_calls() const {
    const auto at = [&](size_t i) { return i < pattern_.size() ? pattern_[i] : '\0'; };
    const char c = at(at_ + 2), next = at(at_ + 3);
    const auto digit = [](char d) { return d >= '0' && d <= '9'; };
    if (c == 'C' || c == 'P' || c == 'R' || c == '&' || digit(c)) refuse(std::string("(?") + c);
    if ((c == '-' || c == '+') && digit(next)) refuse(std::string("(?") + c + next);
  }

  // (?m means "the dot matches line breaks" there, "^ and $ match at line breaks" here.
  void group_options() {
    if (pattern_.substr(at_, 2) == "(*") refuse("(*");
    if (pattern_.substr(at_, 2) != "(?") return;
    refuse_calls();
    for (size_t i = at_ + 2; i < pattern_.size() && (pattern_[i] == '-' || (pattern_[i] >= 'a' && pattern_[i] <= 'z'));
         ++i) {
      if (pattern_[i] != 'i' && pattern_[i] != '-') refuse(std::string("(?") + pattern_[i]);
    }
  }

  std::string_view pattern_;
  const std::string& what_;
  std::string written_;
  size_t at_ = 0, class_start_ = 0;
  bool in_class_ = false;
};

}  // namespace

struct SplitRegex::Code {
  explicit Code(pcre2_code* compiled) : code(compiled) {}
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
  ~Code() { pcre2_code_free(code); }

  pcre2_code* code;
};

SplitRegex::SplitRegex(std::string_view pattern, const std::string& what) : what_(what) {
  const std::string translated = Translation(pattern, what).run();
  int error = 0;
  size_t at = 0;
  // ^ and $ match at line breaks in the engine that the patterns are written for.
  pcre2_compile_context* newline = pcre2_compile_context_create(nullptr);
  if (newline == nullptr) throw std::bad_alloc();
  pcre2_set_newline(newline, PCRE2_NEWLINE_LF);
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                                   PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &error, &at, newline);
  pcre2_compile_context_free(newline);
  if (code == nullptr) {
    unsigned char message[256];
    pcre2_get_error_message(error, message, sizeof(message));
    fail(Exit::kBadModel, "{}: bad pattern: {}", what, reinterpret_cast<const char*>(message));
  }
  code_ = std::make_unique<Code>(code);
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // where the system forbids it, matching falls back to the interpreter
}

SplitRegex::~SplitRegex() = default;

SplitRegex::Search::Search(const SplitRegex& regex, std::string_view piece)
    : regex_(&regex), piece_(piece), match_data_(pcre2_match_data_create_from_pattern(regex.code_->code, nullptr)) {
  if (match_data_ == nullptr) throw std::bad_alloc();
}

SplitRegex::Search::~Search() { pcre2_match_data_free(static_cast<pcre2_match_data*>(match_data_)); }

int SplitRegex::Search::match_from(size_t from, unsigned options) {
  return pcre2_match(regex_->code_->code, reinterpret_cast<PCRE2_SPTR>(piece_.data()), piece_.size(), from,
                     PCRE2_NO_UTF_CHECK | options, static_cast<pcre2_match_data*>(match_data_), nullptr);
}

bool SplitRegex::Search::next() {
  while (from_ <= piece_.size()) {
    int answer = match_from(from_, 0);
    if (answer == PCRE2_ERROR_JIT_STACKLIMIT) answer = match_from(from_, PCRE2_NO_JIT);
    if (answer == PCRE2_ERROR_NOMATCH) return false;
    if (answer < 0)
      fail(Exit::kBadModel, "{}: the pattern takes too many steps (PCRE2 error {})", regex_->what_, answer);
    const size_t* bounds = pcre2_get_ovector_pointer(static_cast<pcre2_match_data*>(match_data_));
    const bool repeated = bounds[0] == bounds[1] && after_match_ && bounds[1] == end;
    if (repeated) {
      from_ = end + (end < piece_.size() ? decode_utf8(piece_.substr(end)).bytes : 1);
      continue;
    }
    begin = bounds[0];
    from_ = end = bounds[1];
    after_match_ = true;
    return true;
  }
  return false;
}

}  // namespace r1
