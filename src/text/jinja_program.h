// A parsed template. Chains of equal precedence are kept flat, so that the depth of the tree is the depth of the
// brackets.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "text/jinja_filters.h"
#include "text/jinja_predicates.h"
#include "text/jinja_value.h"

namespace r1::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<const Expression>;

struct Argument {
  std::string name;  // "" for a positional one
  ExpressionPtr value;
};

struct Constant {
  Value value;
};
struct Name {
  std::string name;
};
struct SequenceDisplay {
  Sequence::Kind kind;
  std::vector<ExpressionPtr> items;
};
struct DictDisplay {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> items;
};
struct Conditional {
  ExpressionPtr then, condition, otherwise;  // no `otherwise`: undefined
};
struct Logic {  // a and b and …
  bool conjunction;
  std::vector<ExpressionPtr> operands;
};
enum class UnaryOperator { kNot, kMinus, kPlus };
struct Unary {
  UnaryOperator op;
  ExpressionPtr operand;
};
enum class Comparator { kEqual, kUnequal, kLess, kLessEqual, kGreater, kGreaterEqual, kIn, kNotIn };
struct Comparison {  // a < b <= c: each neighbour pair must hold
  ExpressionPtr first;
  std::vector<std::pair<Comparator, ExpressionPtr>> rest;
};
enum class Operator { kAdd, kSubtract, kMultiply, kDivide, kFloorDivide, kModulo, kPower };
struct Arithmetic {  // of one precedence, from the left
  ExpressionPtr first;
  std::vector<std::pair<Operator, ExpressionPtr>> rest;
};
struct Concatenation {  // a ~ b ~ …
  std::vector<ExpressionPtr> operands;
};

struct Attribute {
  std::string name;
};
struct Item {
  ExpressionPtr index;
};
struct Slice {
  ExpressionPtr start, stop, step;  // each may be absent
};
struct Call {
  std::vector<Argument> arguments;
};
struct FilterUse {
  Filter filter;
  std::string name;
  std::vector<Argument> arguments;
};
struct TestUse {
  Test test;
  std::string name;
  std::vector<Argument> arguments;
  bool negated;
};
struct Suffix {
  int line;
  std::variant<Attribute, Item, Slice, Call, FilterUse, TestUse> what;
};
struct Suffixed {  // x.a[b](c)|d is e
  ExpressionPtr base;
  std::vector<Suffix> suffixes;
};

struct Expression {
  int line;
  std::variant<Constant, Name, SequenceDisplay, DictDisplay, Conditional, Logic, Unary, Comparison, Arithmetic,
               Concatenation, Suffixed>
      node;
};

struct Statement;
using Block = std::vector<Statement>;

// What `set` and `for` assign to: names, or an attribute of a namespace.
struct Target {
  std::vector<std::string> names;  // more than one, or `unpack`: from a sequence
  bool unpack = false;
  std::string attribute;  // of names[0]
};

struct TextOutput {
  Value text;
};
struct Output {
  ExpressionPtr value;
};
struct Set {
  Target target;
  ExpressionPtr value;
};
struct SetBlock {
  Target target;
  std::vector<Suffix> filters;
  Block body;
};
struct If {
  std::vector<std::pair<ExpressionPtr, Block>> branches;
  Block otherwise;
};
struct For {
  Target target;
  ExpressionPtr items, condition;  // `condition` may be absent
  Block body, otherwise;
};
struct Macro {
  std::string name;
  struct Parameter {
    std::string name;
    ExpressionPtr fallback;  // may be absent
  };
  std::vector<Parameter> parameters;
  Block body;
};
struct MacroDefinition {
  std::shared_ptr<const Macro> macro;
};
struct Generation {
  Block body;
};
struct Break {};
struct Continue {};

struct Statement {
  int line;
  std::variant<TextOutput, Output, Set, SetBlock, If, For, MacroDefinition, Generation, Break, Continue> node;
};

}  // namespace r1::jinja
