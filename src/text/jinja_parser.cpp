#include "text/jinja_parser.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "text/jinja_lexer.h"

namespace r1::jinja {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view source) : tokens_(lex(source)) {}

  Block run() { return block({}); }

 private:
  // ---- tokens

  const Token& now() const { return tokens_[at_]; }
  bool is(TokenKind kind) const { return now().kind == kind; }
  bool is_operator(std::string_view text) const { return is(TokenKind::kOperator) && now().text == text; }
  bool is_word(std::string_view text) const { return is(TokenKind::kName) && now().text == text; }
  const Token& take() { return is(TokenKind::kEnd) ? tokens_[at_] : tokens_[at_++]; }
  bool skip_operator(std::string_view text) { return is_operator(text) && (take(), true); }
  bool skip_word(std::string_view text) { return is_word(text) && (take(), true); }

  [[noreturn]] void fail_here(const std::string& sentence, Fault::Kind kind = Fault::kMistake) const {
    throw Fault(kind, sentence, now().line);
  }
  std::string shown() const {
    switch (now().kind) {
      case TokenKind::kText:
        return "text";
      case TokenKind::kOutputBegin:
        return "'{{'";
      case TokenKind::kOutputEnd:
        return "'}}'";
      case TokenKind::kBlockBegin:
        return "'{%'";
      case TokenKind::kBlockEnd:
        return "'%}'";
      case TokenKind::kEnd:
        return "the end of the template";
      default:
        return "'" + now().text.substr(0, 40) + "'";
    }
  }
  void expect_operator(std::string_view text) {
    if (!skip_operator(text)) fail_here(fmt::format("expected '{}', found {}", text, shown()));
  }
  void expect_word(std::string_view text) {
    if (!skip_word(text)) fail_here(fmt::format("expected '{}', found {}", text, shown()));
  }
  void expect(TokenKind kind, std::string_view text) {
    if (!is(kind)) fail_here(fmt::format("expected {}, found {}", text, shown()));
    take();
  }
  std::string expect_name() {
    if (!is(TokenKind::kName)) fail_here("expected a name, found " + shown());
    return take().text;
  }

  // Everything that recurses holds one of these.
  class Level {
   public:
    explicit Level(Parser& parser) : parser_(parser) {
      if (++parser_.depth_ > Limits::kNesting) {
        parser_.fail_here(fmt::format("nested deeper than {} levels", Limits::kNesting));
      }
    }
    ~Level() { --parser_.depth_; }

   private:
    Parser& parser_;
  };

  // ---- statements

  // Up to a {% word %} of `ends`, of which the word is left to be taken; without `ends` up to the template's end.
  Block block(const std::vector<std::string_view>& ends) {
    const Level level(*this);
    Block body;
    for (;;) {
      const int line = now().line;
      if (is(TokenKind::kText)) {
        body.push_back({line, TextOutput{Value(std::make_shared<const Text>(take().text, true))}});
      } else if (is(TokenKind::kOutputBegin)) {
        take();
        body.push_back({line, Output{output()}});
        expect(TokenKind::kOutputEnd, "'}}'");
      } else if (is(TokenKind::kBlockBegin)) {
        take();
        if (std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return is_word(end); })) return body;
        body.push_back(statement());
        expect(TokenKind::kBlockEnd, "'%}'");
      } else if (!ends.empty()) {
        fail_here(fmt::format("'{}' is missing at the end of the template", ends.back()));
      } else {
        return body;
      }
    }
  }

  // Body, end word and all of a statement whose head has been read.
  Block body_until(std::string_view end) {
    expect(TokenKind::kBlockEnd, "'%}'");
    Block body = block({end});
    take();
    return body;
  }

  ExpressionPtr output() {
    output_begin_ = at_;
    return tuple(true, {});
  }

  // {{ …|safe }}: nothing is escaped here, so that marking a whole output as safe means nothing. (Inside an expression
  // it would change what + does, and is refused.)
  bool ends_with_safe(size_t begin) const {
    return begin == output_begin_ && is_operator("|") && tokens_[at_ + 1].kind == TokenKind::kName &&
           tokens_[at_ + 1].text == "safe" && tokens_[at_ + 2].kind == TokenKind::kOutputEnd;
  }

  Statement statement() {
    const int line = now().line;
    if (!is(TokenKind::kName)) fail_here("expected the name of a statement, found " + shown());
    const std::string word = now().text;
    static constexpr std::array<std::string_view, 6> kMisplaced = {"else",   "elif",   "endif",
                                                                   "endfor", "endset", "endmacro"};
    if (std::find(kMisplaced.begin(), kMisplaced.end(), word) != kMisplaced.end())
      fail_here("'" + word + "' has no beginning");
    if (word == "set") return set_statement(line);
    if (word == "if") return {line, if_statement()};
    if (word == "for") return {line, for_statement()};
    if (word == "macro") return {line, macro_statement()};
    if (word == "generation") {
      take();
      return {line, Generation{body_until("endgeneration")}};
    }
    if (word == "break" || word == "continue") {
      if (loops_ == 0) fail_here("'" + word + "' outside a loop");
      take();
      return word == "break" ? Statement{line, Break{}} : Statement{line, Continue{}};
    }
    fail_here(fmt::format("the statement '{}'", word), Fault::kUnsupported);
  }

  Statement set_statement(int line) {
    take();
    Target target = assign_target(true, {});
    if (skip_operator("=")) return {line, Set{std::move(target), tuple(true, {})}};
    std::vector<Suffix> filters;
    while (is_operator("|")) filters.push_back(filter());
    return {line, SetBlock{std::move(target), std::move(filters), body_until("endset")}};
  }

  If if_statement() {
    If node;
    do {
      take();
      ExpressionPtr condition = tuple(false, {});
      expect(TokenKind::kBlockEnd, "'%}'");
      node.branches.emplace_back(std::move(condition), block({"elif", "else", "endif"}));
    } while (is_word("elif"));
    if (skip_word("else")) {
      expect(TokenKind::kBlockEnd, "'%}'");
      node.otherwise = block({"endif"});
    }
    take();
    return node;
  }

  For for_statement() {
    take();
    For node;
    node.target = assign_target(false, "in");
    expect_word("in");
    node.items = tuple(false, "recursive");
    if (skip_word("if")) node.condition = expression();
    if (is_word("recursive")) fail_here("a recursive loop", Fault::kUnsupported);
    expect(TokenKind::kBlockEnd, "'%}'");
    ++loops_;
    node.body = block({"else", "endfor"});
    --loops_;
    if (skip_word("else")) {
      expect(TokenKind::kBlockEnd, "'%}'");
      node.otherwise = block({"endfor"});
    }
    take();
    return node;
  }

  MacroDefinition macro_statement() {
    take();
    auto macro = std::make_shared<Macro>();
    macro->name = assigned_name();
    expect_operator("(");
    while (!is_operator(")")) {
      if (!macro->parameters.empty()) expect_operator(",");
      Macro::Parameter parameter{assigned_name(), nullptr};
      if (skip_operator("=")) {
        parameter.fallback = expression();
      } else if (!macro->parameters.empty() && macro->parameters.back().fallback) {
        fail_here("a parameter without a default follows one with");
      }
      macro->parameters.push_back(std::move(parameter));
    }
    take();
    const int loops = std::exchange(loops_, 0);
    macro->body = body_until("endmacro");
    loops_ = loops;
    return {std::move(macro)};
  }

  std::string assigned_name() {
    static constexpr std::array<std::string_view, 6> kReserved = {"true", "false", "none", "True", "False", "None"};
    const std::string name = expect_name();
    if (std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end())
      fail_here(fmt::format("cannot assign to '{}'", name));
    return name;
  }

  // name | name.attribute | name, name, … (in parentheses or not); `end` is the word behind it.
  Target assign_target(bool with_attribute, std::string_view end) {
    Target target;
    const bool parentheses = skip_operator("(");
    do {
      if (!target.names.empty() && (is_operator(")") || is_operator("=") || (!end.empty() && is_word(end)))) break;
      target.names.push_back(assigned_name());
      if (is_operator(",")) target.unpack = true;
    } while (skip_operator(","));
    if (parentheses) expect_operator(")");
    if (is_operator(".")) {
      if (!with_attribute || target.unpack || parentheses)
        fail_here("only 'set' assigns to an attribute, and to one at a time");
      take();
      target.attribute = expect_name();
    }
    return target;
  }

  // ---- expressions, weakest first

  // Where one expression or several with commas may stand.
  ExpressionPtr tuple(bool with_conditional, std::string_view end, bool in_parentheses = false) {
    const int line = now().line;
    std::vector<ExpressionPtr> items;
    bool is_tuple = false;
    for (;;) {
      if (is(TokenKind::kBlockEnd) || is(TokenKind::kOutputEnd) || is_operator(")") || (!end.empty() && is_word(end)))
        break;
      items.push_back(with_conditional ? expression() : disjunction());
      if (!skip_operator(",")) break;
      is_tuple = true;
    }
    if (!is_tuple && !items.empty()) return std::move(items[0]);
    if (!is_tuple && !in_parentheses) fail_here("expected an expression, found " + shown());
    return make(line, SequenceDisplay{Sequence::kTuple, std::move(items)});
  }

  template <typename Node>
  static ExpressionPtr make(int line, Node node) {
    return std::make_unique<const Expression>(Expression{line, std::move(node)});
  }

  ExpressionPtr expression() {
    const Level level(*this);
    const int line = now().line;
    ExpressionPtr value = disjunction();
    while (skip_word("if")) {
      ExpressionPtr condition = disjunction();
      ExpressionPtr otherwise = skip_word("else") ? expression() : nullptr;
      value = make(line, Conditional{std::move(value), std::move(condition), std::move(otherwise)});
    }
    return value;
  }

  ExpressionPtr disjunction() { return logic(false, "or", &Parser::conjunction); }
  ExpressionPtr conjunction() { return logic(true, "and", &Parser::negation); }

  ExpressionPtr logic(bool conjunction, std::string_view word, ExpressionPtr (Parser::*operand)()) {
    const int line = now().line;
    ExpressionPtr first = (this->*operand)();
    if (!is_word(word)) return first;
    Logic node{conjunction, {}};
    node.operands.push_back(std::move(first));
    while (skip_word(word)) node.operands.push_back((this->*operand)());
    return make(line, std::move(node));
  }

  ExpressionPtr negation() {
    if (!is_word("not")) return comparison();
    const Level level(*this);
    const int line = take().line;
    return make(line, Unary{UnaryOperator::kNot, negation()});
  }

  ExpressionPtr comparison() {
    const int line = now().line;
    Comparison node{sum(), {}};
    for (;;) {
      static constexpr std::pair<std::string_view, Comparator> kTable[] = {
          {"==", Comparator::kEqual},     {"!=", Comparator::kUnequal}, {"<", Comparator::kLess},
          {"<=", Comparator::kLessEqual}, {">", Comparator::kGreater},  {">=", Comparator::kGreaterEqual}};
      const auto* found =
          std::find_if(std::begin(kTable), std::end(kTable), [&](const auto& row) { return is_operator(row.first); });
      if (found != std::end(kTable)) {
        take();
        node.rest.emplace_back(found->second, sum());
      } else if (skip_word("in")) {
        node.rest.emplace_back(Comparator::kIn, sum());
      } else if (is_word("not") && tokens_[at_ + 1].kind == TokenKind::kName && tokens_[at_ + 1].text == "in") {
        take();
        take();
        node.rest.emplace_back(Comparator::kNotIn, sum());
      } else {
        break;
      }
    }
    return node.rest.empty() ? std::move(node.first) : make(line, std::move(node));
  }

  using OperatorTable = std::vector<std::pair<std::string_view, Operator>>;
  ExpressionPtr arithmetic(const OperatorTable& table, ExpressionPtr (Parser::*operand)()) {
    const int line = now().line;
    Arithmetic node{(this->*operand)(), {}};
    for (;;) {
      const auto found =
          std::find_if(table.begin(), table.end(), [&](const auto& row) { return is_operator(row.first); });
      if (found == table.end()) break;
      take();
      node.rest.emplace_back(found->second, (this->*operand)());
    }
    return node.rest.empty() ? std::move(node.first) : make(line, std::move(node));
  }

  ExpressionPtr sum() {
    static const OperatorTable table = {{"+", Operator::kAdd}, {"-", Operator::kSubtract}};
    return arithmetic(table, &Parser::concatenation);
  }
  ExpressionPtr concatenation() {
    const int line = now().line;
    ExpressionPtr first = product();
    if (!is_operator("~")) return first;
    Concatenation node;
    node.operands.push_back(std::move(first));
    while (skip_operator("~")) node.operands.push_back(product());
    return make(line, std::move(node));
  }
  ExpressionPtr product() {
    static const OperatorTable table = {
        {"*", Operator::kMultiply}, {"/", Operator::kDivide}, {"//", Operator::kFloorDivide}, {"%", Operator::kModulo}};
    return arithmetic(table, &Parser::power);
  }
  ExpressionPtr power() {  // from the left, unlike Python's
    static const OperatorTable table = {{"**", Operator::kPower}};
    return arithmetic(table, &Parser::unary);
  }

  ExpressionPtr unary() {
    const int line = now().line;
    const size_t begin = at_;
    Suffixed node{signed_operand(), {}};
    filters_and_tests(node.suffixes, begin);
    return node.suffixes.empty() ? std::move(node.base) : make(line, std::move(node));
  }

  ExpressionPtr signed_operand() {
    const int line = now().line;
    if (!is_operator("-") && !is_operator("+")) return postfix();
    const Level level(*this);
    const UnaryOperator op = take().text == "-" ? UnaryOperator::kMinus : UnaryOperator::kPlus;
    return make(line, Unary{op, signed_operand()});
  }

  ExpressionPtr postfix() {
    const int line = now().line;
    Suffixed node{primary(), {}};
    for (;;) {
      const int here = now().line;
      if (skip_operator(".")) {
        node.suffixes.push_back({here, attribute()});
      } else if (skip_operator("[")) {
        node.suffixes.push_back(subscript(here));
      } else if (is_operator("(")) {
        node.suffixes.push_back({here, Call{arguments()}});
      } else {
        break;
      }
    }
    return node.suffixes.empty() ? std::move(node.base) : make(line, std::move(node));
  }

  std::variant<Attribute, Item, Slice, Call, FilterUse, TestUse> attribute() {
    if (is(TokenKind::kName)) return Attribute{take().text};
    if (!is(TokenKind::kInteger)) fail_here("expected a name or a number after '.', found " + shown());
    return Item{number()};  // x.0
  }

  Suffix subscript(int line) {
    Slice slice;
    if (!is_operator(":")) {
      slice.start = expression();
      if (skip_operator("]")) return {line, Item{std::move(slice.start)}};
    }
    expect_operator(":");
    if (!is_operator(":") && !is_operator("]")) slice.stop = expression();
    if (skip_operator(":") && !is_operator("]")) slice.step = expression();
    expect_operator("]");
    return {line, std::move(slice)};
  }

  std::vector<Argument> arguments() {
    std::vector<Argument> list;
    expect_operator("(");
    while (!is_operator(")")) {
      if (!list.empty()) {
        expect_operator(",");
        if (is_operator(")")) break;
      }
      if (is_operator("*") || is_operator("**")) fail_here("unpacking arguments with '*'", Fault::kUnsupported);
      const bool named =
          is(TokenKind::kName) && tokens_[at_ + 1].kind == TokenKind::kOperator && tokens_[at_ + 1].text == "=";
      if (!named && !list.empty() && !list.back().name.empty()) fail_here("a positional argument follows a named one");
      std::string name = named ? take().text : "";
      if (named) take();
      list.push_back({std::move(name), expression()});
    }
    take();
    return list;
  }

  void filters_and_tests(std::vector<Suffix>& suffixes, size_t begin) {
    for (;;) {
      const int line = now().line;
      if (ends_with_safe(begin)) {
        at_ += 2;
        return;
      }
      if (is_operator("|")) {
        suffixes.push_back(filter());
      } else if (is_word("is")) {
        suffixes.push_back(test());
      } else if (is_operator("(")) {
        suffixes.push_back({line, Call{arguments()}});
      } else {
        return;
      }
    }
  }

  std::string dotted_name() {
    std::string name = expect_name();
    while (skip_operator(".")) name += "." + expect_name();
    return name;
  }

  Suffix filter() {
    expect_operator("|");
    const int line = now().line;
    FilterUse use{nullptr, dotted_name(), {}};
    use.filter = find_filter(use.name);
    if (use.filter == nullptr) throw Fault(Fault::kUnsupported, fmt::format("the filter '{}'", use.name), line);
    if (is_operator("(")) use.arguments = arguments();
    return {line, std::move(use)};
  }

  Suffix test() {
    const int line = take().line;
    const bool negated = skip_word("not");
    TestUse use{nullptr, dotted_name(), {}, negated};
    use.test = find_test(use.name);
    if (use.test == nullptr) throw Fault(Fault::kUnsupported, fmt::format("the test '{}'", use.name), line);
    if (is_operator("(")) {
      use.arguments = arguments();
    } else if (begins_test_argument()) {
      const Level level(*this);
      use.arguments.push_back({"", postfix()});
    }
    return {line, std::move(use)};
  }

  bool begins_test_argument() const {
    if (is(TokenKind::kName)) {
      if (now().text == "is") fail_here("two tests in a row; put the first in parentheses");
      return now().text != "else" && now().text != "or" && now().text != "and";
    }
    return is(TokenKind::kString) || is(TokenKind::kInteger) || is(TokenKind::kFloat) || is_operator("[") ||
           is_operator("{");
  }

  ExpressionPtr primary() {
    const int line = now().line;
    switch (now().kind) {
      case TokenKind::kName:
        return name_or_constant();
      case TokenKind::kString:
        return string();
      case TokenKind::kInteger:
      case TokenKind::kFloat:
        return number();
      default:
        break;
    }
    if (skip_operator("(")) {
      ExpressionPtr value = tuple(true, {}, true);
      expect_operator(")");
      return value;
    }
    if (skip_operator("[")) return list(line);
    if (skip_operator("{")) return dict(line);
    fail_here("expected an expression, found " + shown());
  }

  ExpressionPtr name_or_constant() {
    const Token& token = take();
    const std::string& name = token.text;
    if (name == "true" || name == "True") return make(token.line, Constant{Value(true)});
    if (name == "false" || name == "False") return make(token.line, Constant{Value(false)});
    if (name == "none" || name == "None") return make(token.line, Constant{Value()});
    return make(token.line, Name{name});
  }

  ExpressionPtr string() {  // neighbours are one string
    const int line = now().line;
    std::string text;
    while (is(TokenKind::kString)) text += take().text;
    return make(line, Constant{Value(std::make_shared<const Text>(text, true))});
  }

  ExpressionPtr number() {
    const Token& token = take();
    const char *begin = token.text.data(), *end = begin + token.text.size();
    if (token.kind == TokenKind::kFloat) {
      double value = 0;
      if (std::from_chars(begin, end, value).ec != std::errc())
        value = token.text.find("e-") == std::string::npos ? HUGE_VAL : 0;
      return make(token.line, Constant{Value(value)});
    }
    int64_t value = 0;
    if (std::from_chars(begin, end, value).ec != std::errc())
      throw Fault(Fault::kUnsupported, "an integer beyond 64 bits", token.line);
    return make(token.line, Constant{Value(Integer{value})});
  }

  ExpressionPtr list(int line) {
    SequenceDisplay node{Sequence::kList, {}};
    while (!skip_operator("]")) {
      if (!node.items.empty()) {
        expect_operator(",");
        if (skip_operator("]")) break;
      }
      node.items.push_back(expression());
    }
    return make(line, std::move(node));
  }

  ExpressionPtr dict(int line) {
    DictDisplay node;
    while (!skip_operator("}")) {
      if (!node.items.empty()) {
        expect_operator(",");
        if (skip_operator("}")) break;
      }
      ExpressionPtr key = expression();
      expect_operator(":");
      node.items.emplace_back(std::move(key), expression());
    }
    return make(line, std::move(node));
  }

  std::vector<Token> tokens_;
  size_t at_ = 0, output_begin_ = 0;
  int depth_ = 0, loops_ = 0;
};

}  // namespace

Block parse(std::string_view source) { return Parser(source).run(); }

}  // namespace r1::jinja
