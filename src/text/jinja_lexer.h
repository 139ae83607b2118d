// Cuts a template's source into text and the tokens inside {{ }} and {% %}, with the white space rules of the hub's
// environment: trim_blocks, lstrip_blocks, '-' and '+' in delimiters, the final newline dropped (tokenizer.md 5).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/jinja_fault.h"

namespace r1::jinja {

enum class TokenKind {
  kText,
  kOutputBegin,
  kOutputEnd,
  kBlockBegin,
  kBlockEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,
  kEnd
};

struct Token {
  TokenKind kind;
  std::string text;  // of a string: what it means, escapes resolved
  int line;
};

// The last token is kEnd. Throws Fault with its line.
std::vector<Token> lex(std::string_view source);

}  // namespace r1::jinja
