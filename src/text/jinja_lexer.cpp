#include "text/jinja_lexer.h"

#include <algorithm>
#include <array>

#include "text/jinja_strings.h"

namespace r1::jinja {
namespace {

constexpr size_t kNone = std::string_view::npos;
// Longest first where one begins another.
constexpr std::array<std::string_view, 27> kOperators = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                                         "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                                         ">",  "<",  "=",  ".",  ":",  "|",  ",", ";", "!"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// Line ends become \n, one at the very end goes.
std::string normalised(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      text.push_back(source[i]);
    } else {
      text.push_back('\n');
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    }
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalised(source)) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) {
      const size_t begin = find_delimiter();
      const char kind = begin == kNone ? '\0' : source_[begin + 1];
      const char sign = begin != kNone && begin + 2 < source_.size() ? source_[begin + 2] : '\0';
      add_text(std::min(begin, source_.size()), kind, sign);
      if (begin == kNone) break;
      advance(begin + 2 + (sign == '-' || sign == '+'));
      kind == '#' ? skip_comment() : lex_tag(kind == '{');
    }
    add(TokenKind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail_here(const std::string& sentence) const { throw Fault(Fault::kMistake, sentence, line_); }
  void add(TokenKind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }
  std::string_view rest() const { return std::string_view(source_).substr(at_); }

  void advance(size_t to) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         source_.begin() + static_cast<std::ptrdiff_t>(to), '\n'));
    at_ = to;
  }

  size_t find_delimiter() const {
    for (size_t i = source_.find('{', at_); i != std::string::npos && i + 1 < source_.size();
         i = source_.find('{', i + 1)) {
      if (const char c = source_[i + 1]; c == '{' || c == '%' || c == '#') return i;
    }
    return kNone;
  }

  // The text up to `end`, where a delimiter of this kind and sign follows.
  void add_text(size_t end, char kind, char sign) {
    std::string_view text = std::string_view(source_).substr(at_, end - at_);
    if (sign == '-') {
      text = text.substr(0, strip(Text(text, true), false, true).size());
    } else if (sign != '+' && (kind == '%' || kind == '#')) {
      const size_t line_begin = text.rfind('\n') == kNone ? 0 : text.rfind('\n') + 1;
      if ((line_begin > 0 || at_line_start_) && strip(Text(text.substr(line_begin), true), true, false).empty()) {
        text = text.substr(0, line_begin);
      }
    }
    if (!text.empty()) add(TokenKind::kText, std::string(text));
    advance(end);
  }

  // Behind a delimiter's end: `trim` drops all white space, else a block's end drops one newline.
  void end_delimiter(size_t end, bool trim, bool drop_newline) {
    const size_t begin = at_;
    advance(end);
    if (trim) {
      skip_space();
    } else if (drop_newline && rest().starts_with('\n')) {
      advance(at_ + 1);
    }
    at_line_start_ = at_ > begin && source_[at_ - 1] == '\n';
  }

  void skip_space() {
    while (at_ < source_.size()) {
      const DecodedCharacter c = decode_utf8(rest());
      if (!is_space(c.code)) break;
      advance(at_ + c.bytes);
    }
  }

  void skip_comment() {
    const size_t end = source_.find("#}", at_);
    if (end == std::string::npos) fail_here("a comment {# is never closed");
    const char sign = end > at_ ? source_[end - 1] : '\0';
    end_delimiter(end + 2, sign == '-', sign != '+');
  }

  void lex_tag(bool output) {
    add(output ? TokenKind::kOutputBegin : TokenKind::kBlockBegin, "");
    const std::string_view end = output ? "}}" : "%}";
    const int opened = line_;
    brackets_.clear();
    for (;;) {
      skip_space();
      if (at_ >= source_.size())
        throw Fault(Fault::kMistake, output ? "{{ is never closed" : "{% is never closed", opened);
      if (brackets_.empty()) {
        const char sign = rest()[0] == '-' || (rest()[0] == '+' && !output) ? rest()[0] : '\0';
        const size_t bytes = sign != '\0';
        if (rest().substr(bytes).starts_with(end)) {
          add(output ? TokenKind::kOutputEnd : TokenKind::kBlockEnd, "");
          return end_delimiter(at_ + bytes + 2, sign == '-', !output && sign != '+');
        }
      }
      lex_token();
    }
  }

  void lex_token() {
    const char c = source_[at_];
    if (is_digit(c)) return lex_number();
    if (c == '\'' || c == '"') return lex_string();
    if (is_name(c)) {
      size_t end = at_;
      while (end < source_.size() && is_name(source_[end])) ++end;
      add(TokenKind::kName, source_.substr(at_, end - at_));
      return advance(end);
    }
    const auto* found =
        std::find_if(kOperators.begin(), kOperators.end(), [&](std::string_view op) { return rest().starts_with(op); });
    if (found == kOperators.end() || *found == "!") fail_here(fmt::format("unexpected character '{}'", c));
    balance(c);
    add(TokenKind::kOperator, std::string(*found));
    advance(at_ + found->size());
  }

  // Inside brackets }} and %} do not end the tag.
  void balance(char c) {
    if (c == '(' || c == '[' || c == '{') brackets_.push_back(c == '(' ? ')' : static_cast<char>(c + 2));
    if (c != ')' && c != ']' && c != '}') return;
    if (brackets_.empty() || brackets_.back() != c) fail_here(fmt::format("unexpected '{}'", c));
    brackets_.pop_back();
  }

  // The end of digits, which '_' may group, from `at`.
  size_t digits_end(size_t at) const {
    while (at < source_.size() &&
           (is_digit(source_[at]) || (source_[at] == '_' && at + 1 < source_.size() && is_digit(source_[at + 1])))) {
      ++at;
    }
    return at;
  }

  void lex_number() {
    size_t end = digits_end(at_);
    bool is_float = false;
    const auto digit_at = [&](size_t i) { return i < source_.size() && is_digit(source_[i]); };
    if (at_ == 0 || source_[at_ - 1] != '.') {  // x.0.1 is two subscripts
      if (end < source_.size() && source_[end] == '.' && digit_at(end + 1)) {
        end = digits_end(end + 1);
        is_float = true;
      }
      if (end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
        const size_t power =
            end + 1 + (end + 1 < source_.size() && (source_[end + 1] == '-' || source_[end + 1] == '+'));
        if (digit_at(power)) {
          end = digits_end(power);
          is_float = true;
        }
      }
    }
    std::string digits = source_.substr(at_, end - at_);
    std::erase(digits, '_');
    const bool zeros = digits.find_first_not_of('0') == std::string::npos;
    if (!is_float && digits.size() > 1 && digits[0] == '0' && !zeros) fail_here("a number begins with 0");
    if (end < source_.size() && is_name(source_[end])) fail_here(fmt::format("the number {} runs into a name", digits));
    add(is_float ? TokenKind::kFloat : TokenKind::kInteger, digits);
    advance(end);
  }

  void lex_string() {
    const char quote = source_[at_];
    std::string text;
    size_t i = at_ + 1;
    for (; i < source_.size() && source_[i] != quote; ++i) {
      if (source_[i] != '\\') {
        text.push_back(source_[i]);
      } else if (i + 1 < source_.size()) {
        i = escape(text, i + 1);
      }
    }
    if (i >= source_.size()) fail_here("a string is never closed");
    add(TokenKind::kString, std::move(text));
    advance(i + 1);
  }

  // Appends what the escape whose letter is at `i` means; returns the place of its last character. As in Python, an
  // unknown escape keeps its backslash.
  size_t escape(std::string& text, size_t i) const {
    static constexpr std::string_view kLetters = "abfnrtv\\'\"", kMeaning = "\a\b\f\n\r\t\v\\'\"";
    const char c = source_[i];
    if (const size_t simple = kLetters.find(c); simple != kNone) {
      text.push_back(kMeaning[simple]);
      return i;
    }
    if (c == '\n') return i;  // a line continued
    if (c >= '0' && c <= '7') return octal_escape(text, i);
    if (c == 'x' || c == 'u' || c == 'U') return hex_escape(text, i, c == 'x' ? 2 : c == 'u' ? 4 : 8);
    if (c == 'N') throw Fault(Fault::kUnsupported, "the escape \\N{…}", line_);
    text.push_back('\\');
    text.push_back(c);
    return i;
  }

  size_t octal_escape(std::string& text, size_t i) const {
    char32_t code = 0;
    size_t end = i;
    for (; end < i + 3 && end < source_.size() && source_[end] >= '0' && source_[end] <= '7'; ++end) {
      code = code * 8 + static_cast<char32_t>(source_[end] - '0');
    }
    append_utf8(text, code);
    return end - 1;
  }

  size_t hex_escape(std::string& text, size_t i, size_t digits) const {
    char32_t code = 0;
    for (size_t at = i + 1; at <= i + digits; ++at) {
      const char c = at < source_.size() ? source_[at] : '\0';
      const int digit = is_digit(c)            ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) fail_here(fmt::format("the escape \\{} needs {} hexadecimal digits", source_[i], digits));
      code = code * 16 + static_cast<char32_t>(digit);
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) fail_here("an escape names no character");
    append_utf8(text, code);
    return i + digits;
  }

  const std::string source_;
  size_t at_ = 0;
  int line_ = 1;
  bool at_line_start_ = true;
  std::vector<char> brackets_;  // that wait to be closed: what closes them
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> lex(std::string_view source) {
  if (source.size() > Limits::kSource) mistake("a template of more than {} KiB", Limits::kSource >> 10);
  return Lexer(source).run();
}

}  // namespace r1::jinja
