// r1 run: a chat, or one answer to one question.
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/memory.h"
#include "cli/answer_printer.h"
#include "cli/chat.h"
#include "cli/conversation.h"
#include "cli/interrupt.h"
#include "cli/json_line.h"
#include "cli/model_options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/settings.h"
#include "cli/terminal.h"
#include "cli/verb.h"

namespace r1 {
namespace {

struct RunOptions {
  ModelOptions model;
  SamplingOptions sampling;
  std::vector<std::string> question;
  std::string system, think;
  bool json = false, raw = false, hide_thinking = false, stats = false;
};

// Standard input to its end. Where that is long in coming, a person is told what r1 waits for.
std::string read_pipe() {
  std::string text;
  const auto begin = std::chrono::steady_clock::now();
  for (bool told = false;;) {
    const bool ready = wait_for_input(STDIN_FILENO, told ? -1 : 1000);
    check_interrupt();
    if (!told && std::chrono::steady_clock::now() - begin >= std::chrono::seconds(1)) {
      note("reading the question from standard input, to its end");
      told = true;
    }
    if (!ready) continue;
    char buffer[1 << 16];
    const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(Exit::kFailure, "standard input: {}", std::strerror(errno));
    if (got == 0) return text;
    text.append(buffer, static_cast<size_t>(got));
  }
}

// The words of the command line, then what is piped in.
std::string question_of(const RunOptions& options) {
  std::string question = fmt::format("{}", fmt::join(options.question, " "));
  if (is_terminal(STDIN_FILENO)) return question;
  std::string piped = read_pipe();
  while (piped.ends_with('\n')) piped.pop_back();
  if (!question.empty() && !piped.empty()) question += "\n\n";
  return question + piped;
}

std::string json_answer(const Answer& made, const RunOptions& options, uint64_t seed) {
  JsonLine line;
  line.add("model", model_name(options.model.model))
      .add("text", made.text)
      .add("reasoning", made.reasoning)
      .add_ids("ids", made.ids);
  line.add("finish_reason", std::string(name(made.finish))).add("usage", made.usage.to_json()).add("seed", seed);
  line.add("prompt_seconds", made.prompt_seconds).add("answer_seconds", made.answer_seconds);
  return line.text() + "\n";
}

// One question, one answer; Ctrl-C ends it, and the program.
void answer_once(Conversation& conversation, const std::string& question, const RunOptions& options) {
  AnswerPrinter printer(options.hide_thinking);
  AnswerWatch watch{{}, [] { return interrupted(); }};
  if (!options.json)
    watch.show = [&](std::string_view reasoning, std::string_view text) { printer.show(reasoning, text); };
  const Answer made = conversation.ask(question, watch);
  if (options.json) {
    standard_output().write(json_answer(made, options, conversation.last_seed()));
  } else {
    printer.finish();
  }
  standard_output().flush();
  if (verbosity() >= 0) {
    say(styled(STDERR_FILENO, Style::Dim, conversation.closing_line(made)) + "\n");
  }
  check_interrupt();
}

void check_sampling(const LoadedModel& model, const ConversationOptions& options) {
  const Sampling sampling = options.sampling.over(model.default_sampling());
  if (sampling.temperature == 0 && model.is_reasoning_model() && options.thinking.mode != Thinking::Mode::Off) {
    warn("temperature 0 makes thinking models repeat themselves; 0.5 to 0.7 is recommended");
  }
}

ConversationOptions conversation_options(const RunOptions& options, const LoadedModel& model) {
  ConversationOptions conversation{options.sampling, options.system, {}, 0, options.raw};
  if (!options.think.empty()) conversation.thinking = Thinking::from_text(options.think);
  check_thinking(conversation.thinking, model);
  if (!conversation.raw && !model.has_chat_template()) {
    note(fmt::format("{}: no chat template: what you type is continued as plain text; --chat-template names one",
                     model_name(options.model.model)));
    conversation.raw = true;
  }
  if (conversation.raw && (!options.system.empty() || !options.think.empty())) {
    fail(Exit::kUsage, "--system and --think need a chat template, and there is none here");
  }
  return conversation;
}

int run(const RunOptions& options) {
  if (options.model.model.empty()) {
    throw Error("MODEL is missing", Exit::kUsage,
                "name a folder in the hub's layout or a .gguf file; no model ships with r1 yet");
  }
  const bool interactive = options.question.empty() && is_terminal(STDIN_FILENO);
  if (interactive && options.json) fail(Exit::kUsage, "--json needs a question, on the command line or piped in");
  LoadedModel model = options.model.open();
  ConversationOptions settings = conversation_options(options, model);
  check_sampling(model, settings);
  const std::string question = interactive ? "" : question_of(options);
  if (!interactive && question.empty()) fail(Exit::kUsage, "the question is empty");

  EngineOptions engine_options;
  engine_options.context = options.model.context_or(model.config(), kUsualContext);
  engine_options.max_sequences = 1;
  settings.context = engine_options.context;
  const std::unique_ptr<Engine> engine = start_engine(model, engine_options);
  Conversation conversation(model, *engine, std::move(settings));
  const MemoryPlan plan = model.plan(engine_options);
  if (!interactive) {
    answer_once(conversation, question, options);
    if (options.stats) say(memory_text(plan));
    return 0;
  }
  Chat chat(conversation,
            {options.hide_thinking, xdg_state_home() / "r1" / "history", [&] { return memory_text(plan); }});
  const int status = chat.run();
  if (options.stats) say(memory_text(plan));
  return status;
}

std::function<int()> declare_run(Options& options) {
  auto settings = std::make_shared<RunOptions>();
  options.positional(settings->model.model, "MODEL",
                     "a folder in the hub's layout (config.json, *.safetensors, tokenizer.json) or a .gguf file",
                     false);
  options.positionals(settings->question, "[QUESTION...]",
                      "answered once; without it, and without a pipe, a chat begins");
  options.group("Conversation");
  options.add("system", settings->system, "TEXT", "the system prompt");
  options.add("think", settings->think, "auto|on|off|N", "think before answering, or not, or at most N tokens")
      .otherwise("as the model's template has it");
  options.add_switch("hide-thinking", settings->hide_thinking, "do not show the thought");
  options.add_switch("raw", settings->raw, "no template: the question is continued as it is");
  settings->model.declare_template(options);
  settings->sampling.declare(options);
  options.find("seed")->otherwise("a new one each time");
  settings->model.declare_compute(options);
  options.group("Output");
  options
      .add_switch("json", settings->json, "one JSON object: text, reasoning, ids, finish_reason, usage, seed, seconds")
      .command_line_only();
  options.add_switch("stats", settings->stats, "planned and measured memory at the end");
  return [settings] { return run(*settings); };
}

}  // namespace

Verb run_verb() {
  return {"run",
          "chat with a model, or ask it one question",
          "r1 run MODEL [QUESTION...] [options]",
          "With a question, or with text piped in, r1 answers once; a question and a pipe are joined. Else a chat "
          "begins; /help there lists its commands. "
          "The thought is shown dim before the answer; into a pipe goes the answer alone.",
          {{"r1 run model.gguf 'Why is the sky blue?'", "one answer"},
           {"git diff | r1 run model/ 'Review this change.' --think 500",
            "a question about piped text, after at most 500 tokens of thought"},
           {"r1 run model.gguf", "a chat"}},
          declare_run};
}

}  // namespace r1
