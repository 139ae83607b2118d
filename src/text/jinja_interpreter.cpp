#include "text/jinja_interpreter.h"

#include <algorithm>
#include <map>

#include "text/jinja_methods.h"
#include "text/jinja_operators.h"

namespace r1::jinja {
namespace {

// Names set in one block. A for and a macro have their own, an if has none.
class Scope {
 public:
  Scope(Heap& heap, std::shared_ptr<Scope> parent) : heap_(heap), parent_(std::move(parent)), held_(heap) {}

  const Scope* parent() const { return parent_.get(); }

  const Value* find(std::string_view name) const {
    heap_.spend(Limits::kItemWork + name.size());
    const auto found = names_.find(name);
    return found == names_.end() ? nullptr : &found->second;
  }

  void set(std::string_view name, Value value) {
    heap_.spend(Limits::kItemWork + name.size());
    const auto [place, fresh] = names_.try_emplace(name);
    if (fresh) held_.grow(sizeof *place + 48);  // 48: the node's links
    place->second = std::move(value);
  }

 private:
  Heap& heap_;
  std::shared_ptr<Scope> parent_;
  Heap::Held held_;
  std::map<std::string_view, Value> names_;  // ordered: no choice of names makes it slow
};

// Text as it grows, held as memory until it is taken.
class Writing {
 public:
  explicit Writing(Heap& heap) : held_(heap) {}

  // False beyond the length that a text may have.
  bool append(const Text& more) {
    const size_t before = text_.memory();
    text_.append(more);
    held_.grow(text_.memory() - before);
    return text_.size() <= Limits::kText;
  }

  Text take() { return std::move(text_); }

 private:
  Text text_;
  Heap::Held held_;
};

}  // namespace

struct Closure {
  std::shared_ptr<const Macro> macro;
  std::weak_ptr<void> scope;  // weak: the scope holds the macro
};

namespace {

class Interpreter {
 public:
  Interpreter(Heap& heap, const Dict& variables)
      : heap_(heap), variables_(variables), scope_(std::make_shared<Scope>(heap, nullptr)) {}

  Text run(const Block& program) { return captured(program); }

  int line() const { return line_; }

 private:
  enum class Flow { kNext, kBreak, kContinue };

  // A scope of its own until the end of the C++ block.
  class Inner {
   public:
    Inner(Interpreter& interpreter, std::shared_ptr<Scope> parent)
        : interpreter_(interpreter),
          outer_(std::exchange(interpreter.scope_, std::make_shared<Scope>(interpreter.heap_, std::move(parent)))) {}
    explicit Inner(Interpreter& interpreter) : Inner(interpreter, interpreter.scope_) {}
    ~Inner() { interpreter_.scope_ = std::move(outer_); }
    Inner(const Inner&) = delete;
    Inner& operator=(const Inner&) = delete;

   private:
    Interpreter& interpreter_;
    std::shared_ptr<Scope> outer_;
  };

  // What the block writes, instead of writing it.
  Text captured(const Block& body) {
    Writing writing(heap_);
    Writing* outer = std::exchange(out_, &writing);
    try {
      execute(body);
    } catch (...) {
      out_ = outer;
      throw;
    }
    out_ = outer;
    return writing.take();
  }

  void write(const Text& text) {
    heap_.spend(text.size());
    if (!out_->append(text)) mistake("the output grows beyond {} MiB", Limits::kText >> 20);
  }

  // ---- names

  Value lookup(const std::string& name) {
    for (const Scope* scope = scope_.get(); scope != nullptr; scope = scope->parent()) {
      if (const Value* found = scope->find(name)) return *found;
    }
    if (const Value* found = variables_.find(heap_, name)) return *found;
    if (const auto found = global(name)) return *found;
    return Value(Undefined("'{}'", Undefined::begin_of(name)));
  }

  void define(std::string_view name, Value value) { scope_->set(name, std::move(value)); }

  void assign(const Target& target, const Value& value) {
    if (!target.attribute.empty()) {
      const Value space = lookup(target.names[0]);
      if (!space.is<Namespace*>())
        mistake("'{}' is a {}, and only namespaces have attributes to set", target.names[0], type_name(space));
      (*space.get<Namespace*>())->set(heap_, target.attribute, value);
    } else if (!target.unpack) {
      define(target.names[0], value);
    } else {
      const std::vector<Value> items = iterate(heap_, value);
      if (items.size() != target.names.size()) mistake("{} values for {} names", items.size(), target.names.size());
      for (size_t i = 0; i < items.size(); ++i) define(target.names[i], items[i]);
    }
  }

  // ---- statements

  Flow execute(const Block& block) {
    const Heap::Level level(heap_);
    for (const Statement& statement : block) {
      line_ = statement.line;
      heap_.spend(Limits::kNodeWork);
      const Flow flow = std::visit([this](const auto& node) { return run_node(node); }, statement.node);
      if (flow != Flow::kNext) return flow;
    }
    return Flow::kNext;
  }

  Flow run_node(const TextOutput& node) {
    write(*node.text.text());
    return Flow::kNext;
  }

  Flow run_node(const Output& node) {
    const Value value = evaluate(*node.value);
    if (const Text* text = value.text()) {
      write(*text);
    } else {
      write(print(heap_, value));
    }
    return Flow::kNext;
  }

  Flow run_node(const Set& node) {
    assign(node.target, evaluate(*node.value));
    return Flow::kNext;
  }

  Flow run_node(const SetBlock& node) {
    Value value;
    {
      const Inner inner(*this);
      value = heap_.string(captured(node.body));
    }
    for (const Suffix& filter : node.filters) value = follow(value, filter);
    assign(node.target, value);
    return Flow::kNext;
  }

  Flow run_node(const If& node) {
    for (const auto& [condition, body] : node.branches) {
      if (is_true(evaluate(*condition))) return execute(body);
    }
    return execute(node.otherwise);
  }

  // A loop while it runs.
  class Running {
   public:
    Running(Heap& heap, std::vector<Value> items)
        : held_(heap, items.size() * sizeof(Value)), loop_(*heap.loop(std::move(items))) {}
    ~Running() { loop_.items = {}; }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

    Loop& loop() { return loop_; }

   private:
    Heap::Held held_;
    Loop& loop_;
  };

  Flow run_node(const For& node) {
    if (steps(node)) return Flow::kNext;
    const Inner inner(*this);
    return execute(node.otherwise);
  }

  // As in Jinja2, `else` runs unless a step has come to its end: after a break in the first one, too.
  bool steps(const For& node) {
    Running running(heap_, chosen_items(node));
    Loop& loop = running.loop();
    bool completed = false;
    for (; loop.index0 < loop.length; ++loop.index0) {
      count_step();
      const Inner inner(*this);
      define("loop", Value(&loop));
      assign(node.target, loop.items[loop.index0]);
      const Flow flow = execute(node.body);
      if (flow == Flow::kBreak) break;
      completed |= flow == Flow::kNext;
    }
    return completed;
  }

  void count_step() {
    if (++loop_steps_ > Limits::kLoopSteps) mistake("more than {} loop steps", Limits::kLoopSteps);
  }

  std::vector<Value> chosen_items(const For& node) {
    std::vector<Value> items = iterate(heap_, evaluate(*node.items));
    if (!node.condition) return items;
    const Heap::Held held(heap_, items.size() * sizeof(Value));
    std::erase_if(items, [&](const Value& item) {
      count_step();
      const Inner inner(*this);
      assign(node.target, item);
      return !is_true(evaluate(*node.condition));
    });
    return items;
  }

  Flow run_node(const MacroDefinition& node) {
    define(node.macro->name, Value(std::make_shared<const Closure>(Closure{node.macro, scope_})));
    return Flow::kNext;
  }

  Flow run_node(const Generation& node) {
    const Inner inner(*this);
    return execute(node.body);
  }

  Flow run_node(const Break&) { return Flow::kBreak; }
  Flow run_node(const Continue&) { return Flow::kContinue; }

  // ---- expressions

  Value evaluate(const Expression& expression) {
    const Heap::Level level(heap_);
    line_ = expression.line;
    heap_.spend(Limits::kNodeWork);
    return std::visit([this](const auto& node) { return value_of(node); }, expression.node);
  }

  Value optional(const ExpressionPtr& expression) { return expression ? evaluate(*expression) : Value(); }

  Value value_of(const Constant& node) { return node.value; }
  Value value_of(const Name& node) { return lookup(node.name); }

  Value value_of(const SequenceDisplay& node) {
    const Heap::Held held(heap_, 2 * node.items.size() * sizeof(Value));  // twice: it grows by doubling
    std::vector<Value> items;
    for (const ExpressionPtr& item : node.items) items.push_back(evaluate(*item));
    return heap_.sequence(node.kind, std::move(items));
  }

  Value value_of(const DictDisplay& node) {
    Dict* dict = heap_.dict();
    for (const auto& [key_node, value_node] : node.items) {
      Value key = evaluate(*key_node);
      heap_.grow(Dict::kEntry);
      dict->set(heap_, std::move(key), evaluate(*value_node));
    }
    return Value(dict);
  }

  Value value_of(const Conditional& node) {
    if (is_true(evaluate(*node.condition))) return evaluate(*node.then);
    return node.otherwise ? evaluate(*node.otherwise) : Value(Undefined("the value of an if without else"));
  }

  Value value_of(const Logic& node) {
    Value value;
    for (const ExpressionPtr& operand : node.operands) {
      value = evaluate(*operand);
      if (is_true(value) != node.conjunction) break;
    }
    return value;
  }

  Value value_of(const Unary& node) {
    const Value value = evaluate(*node.operand);
    if (node.op == UnaryOperator::kNot) return Value(!is_true(value));
    if (node.op == UnaryOperator::kMinus) return negate(value);
    if (!as_number(value)) mistake("'+' of {}", type_name(value));
    return as_integer(value) ? Value(*as_integer(value)) : value;
  }

  Value value_of(const Comparison& node) {
    Value left = evaluate(*node.first);
    for (const auto& [comparator, operand] : node.rest) {
      Value right = evaluate(*operand);
      if (!compare(heap_, comparator, left, right)) return Value(false);
      left = std::move(right);
    }
    return Value(true);
  }

  Value value_of(const Arithmetic& node) {
    Value value = evaluate(*node.first);
    for (const auto& [op, operand] : node.rest) value = apply(heap_, op, value, evaluate(*operand));
    return value;
  }

  Value value_of(const Concatenation& node) {
    Writing writing(heap_);
    for (const ExpressionPtr& operand : node.operands) {
      if (!writing.append(print(heap_, evaluate(*operand)))) break;  // heap.string says so
    }
    return heap_.string(writing.take());
  }

  Value value_of(const Suffixed& node) {
    Value value = evaluate(*node.base);
    for (const Suffix& suffix : node.suffixes) value = follow(value, suffix);
    return value;
  }

  // ---- suffixes

  Value follow(const Value& value, const Suffix& suffix) {
    line_ = suffix.line;
    heap_.spend(Limits::kNodeWork);
    return std::visit([&](const auto& what) { return apply_suffix(value, what); }, suffix.what);
  }

  Value apply_suffix(const Value& value, const Attribute& what) { return attribute(heap_, value, what.name); }
  Value apply_suffix(const Value& value, const Item& what) { return item(heap_, value, evaluate(*what.index)); }
  Value apply_suffix(const Value& value, const Slice& what) {
    const Value start = optional(what.start), stop = optional(what.stop), step = optional(what.step);
    return slice(heap_, value, start, stop, step);
  }
  Value apply_suffix(const Value& value, const FilterUse& what) {
    Heap::Held held(heap_);
    return what.filter(heap_, value, evaluate(what.arguments, held));
  }
  Value apply_suffix(const Value& value, const TestUse& what) {
    Heap::Held held(heap_);
    return Value(what.test(heap_, value, evaluate(what.arguments, held)) != what.negated);
  }
  Value apply_suffix(const Value& value, const Call& what) {
    if (const Undefined* undefined = value.get<Undefined>())
      mistake("{} is undefined, and cannot be called", undefined->what());
    Heap::Held held(heap_);
    const Arguments arguments = evaluate(what.arguments, held);
    if (const auto* function = value.get<std::shared_ptr<const Function>>()) {
      return (*function)->call(heap_, (*function)->self, arguments);
    }
    const auto* closure = value.get<std::shared_ptr<const Closure>>();
    if (closure == nullptr) mistake("a {} cannot be called", type_name(value));
    return call(**closure, arguments);
  }

  // They are held for as long as `held` is.
  Arguments evaluate(const std::vector<Argument>& nodes, Heap::Held& held) {
    Arguments arguments;
    for (const Argument& node : nodes) {
      held.grow(2 * sizeof(Value) + (node.name.empty() ? 0 : 2 * sizeof(std::string) + node.name.size()));
      heap_.spend(node.name.size());
      Value value = evaluate(*node.value);
      if (node.name.empty()) {
        arguments.positional.push_back(std::move(value));
      } else {
        arguments.named.emplace_back(node.name, std::move(value));
      }
    }
    return arguments;
  }

  Value call(const Closure& closure, const Arguments& arguments) {
    const Macro& macro = *closure.macro;
    auto scope = std::static_pointer_cast<Scope>(closure.scope.lock());
    if (!scope) mistake("the macro '{}' is called after the block that defines it has ended", macro.name);
    if (arguments.positional.size() > macro.parameters.size()) {
      mistake("the macro '{}' takes at most {} arguments, got {}", macro.name, macro.parameters.size(),
              arguments.positional.size());
    }
    check_names(macro, arguments);
    const int here = line_;
    const Inner inner(*this, std::move(scope));
    for (size_t i = 0; i < macro.parameters.size(); ++i)
      define(macro.parameters[i].name, argument(macro, arguments, i));
    Value result = heap_.string(captured(macro.body));
    line_ = here;
    return result;
  }

  void check_names(const Macro& macro, const Arguments& arguments) {
    heap_.spend(arguments.named.size() * macro.parameters.size());
    for (const auto& named : arguments.named) {
      const auto found = std::find_if(macro.parameters.begin(), macro.parameters.end(),
                                      [&](const Macro::Parameter& parameter) { return parameter.name == named.first; });
      if (found == macro.parameters.end()) mistake("the macro '{}' has no parameter '{}'", macro.name, named.first);
      if (static_cast<size_t>(found - macro.parameters.begin()) < arguments.positional.size()) {
        mistake("the macro '{}' got its parameter '{}' twice", macro.name, named.first);
      }
    }
  }

  Value argument(const Macro& macro, const Arguments& arguments, size_t index) {
    const Macro::Parameter& parameter = macro.parameters[index];
    if (index < arguments.positional.size()) return arguments.positional[index];
    heap_.spend(arguments.named.size());
    const auto named = std::find_if(arguments.named.begin(), arguments.named.end(),
                                    [&](const auto& entry) { return entry.first == parameter.name; });
    if (named != arguments.named.end()) return named->second;
    if (parameter.fallback) return evaluate(*parameter.fallback);
    return Value(Undefined("the parameter '{}'", Undefined::begin_of(parameter.name)));
  }

  Heap& heap_;
  const Dict& variables_;
  std::shared_ptr<Scope> scope_;
  Writing* out_ = nullptr;
  int line_ = 0;
  int64_t loop_steps_ = 0;
};

}  // namespace

Text interpret(Heap& heap, const Block& program, const Dict& variables) {
  Interpreter interpreter(heap, variables);
  try {
    return interpreter.run(program);
  } catch (Fault& fault) {
    if (fault.line == 0) fault.line = interpreter.line();
    throw;
  }
}

}  // namespace r1::jinja
