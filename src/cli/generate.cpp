// r1 generate: a file of prompts in, a file of answers out; many at once.
#include <algorithm>
#include <unordered_map>

#include "base/memory.h"
#include "base/random.h"
#include "cli/answer.h"
#include "cli/batch_input.h"
#include "cli/batch_output.h"
#include "cli/interrupt.h"
#include "cli/json_line.h"
#include "cli/model_options.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "cli/thinking.h"
#include "cli/verb.h"
#include "text/stream_decoder.h"

namespace r1 {
namespace {

struct GenerateOptions {
  ModelOptions model;
  SamplingOptions sampling;
  std::string in = "-", out = "-", think;
  bool unordered = false, ignore_eos = false, stats = false;
  int parallel = 32;
};

// One line of the input, ready to be submitted.
struct Job {
  OrderedJson id;
  std::string where;
  Request request;
  bool logprobs = true;
};

// What has come of a submitted job so far.
struct Running {
  size_t job = 0;
  std::vector<int32_t> ids;
  std::vector<float> logprobs;
  std::string text, reasoning;
};

const std::vector<std::string>& fields() {
  static const std::vector<std::string> known = {"id",          "prompt",     "ids",     "messages", "max_tokens",
                                                 "temperature", "top_p",      "top_k",   "min_p",    "seed",
                                                 "stop",        "ignore_eos", "logprobs"};
  return known;
}

// Where a line has no seed, the run's seed and the line's id make one: it depends on nothing else in the file.
uint64_t seed_of(uint64_t run_seed, const std::string& id) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : id) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  const auto bits = philox(run_seed, hash, 0);
  return (uint64_t{bits[0]} << 32) | bits[1];
}

std::vector<Message> messages_of(const BatchLine& line) {
  const OrderedJson& list = line.field("messages");
  if (!list.is_array() || list.empty()) line.wrong("messages", "a list of messages, at least one");
  std::vector<Message> messages;
  for (const OrderedJson& message : list) messages.push_back(Message::from_json(message, line.where() + ": messages"));
  return messages;
}

std::vector<int32_t> prompt_of(const BatchLine& line, const LoadedModel& model, const Thinking& thinking) {
  const std::string kind = line.one_of({"prompt", "ids", "messages"});
  if (kind == "ids") return line.ids("ids", model.config().vocabulary);
  if (kind == "prompt") {
    std::vector<int32_t> ids =
        model.tokenizer().encode(line.text("prompt"), {.add_special = true, .parse_special = true});
    if (ids.empty()) line.wrong("prompt", "a text of at least one token");
    return ids;
  }
  try {
    return encode_conversation(model, messages_of(line), thinking);
  } catch (const Error& error) {
    if (std::string_view(error.what()).starts_with(line.where())) throw;
    throw Error(fmt::format("{}: {}", line.where(), error.what()), error.exit(), error.hint());
  }
}

Sampling sampling_of(const BatchLine& line, Sampling sampling) {
  if (const auto value = line.number("temperature", 0, 100)) sampling.temperature = static_cast<float>(*value);
  if (const auto value = line.number("top_p", 0, 1)) sampling.top_p = static_cast<float>(*value);
  if (const auto value = line.whole("top_k", 0, INT32_MAX)) sampling.top_k = static_cast<int>(*value);
  if (const auto value = line.number("min_p", 0, 1)) sampling.min_p = static_cast<float>(*value);
  sampling.seed = line.seed("seed").value_or(seed_of(sampling.seed, line.id()));
  return sampling;
}

Job job_of(const BatchLine& line, const GenerateOptions& options, const LoadedModel& model, const Sampling& sampling,
           const Thinking& thinking) {
  line.only(fields());
  Job job;
  job.id = line.field("id");
  job.where = line.where();
  job.request.prompt = prompt_of(line, model, thinking);
  job.request.sampling = sampling_of(line, sampling);
  job.request.max_tokens = line.whole("max_tokens", 1, INT32_MAX).value_or(options.sampling.max_tokens.value_or(-1));
  job.request.stop = line.has("stop") ? line.texts("stop") : options.sampling.stop;
  job.request.ignore_eos = line.flag("ignore_eos").value_or(options.ignore_eos);
  job.request.thinking = prompt_opens_thought(model.tokenizer(), job.request.prompt);
  job.logprobs = line.flag("logprobs").value_or(true);
  return job;
}

// Positions to hold for a job. One that may answer as long as it likes seldom does: if many do, the youngest wait.
int64_t need(const Job& job, int64_t context) {
  constexpr int64_t kUsualAnswer = 1024;
  const auto prompt = static_cast<int64_t>(job.request.prompt.size());
  const int64_t whole = prompt + (job.request.max_tokens < 0 ? kUsualAnswer : job.request.max_tokens);
  return pages_for(std::min(whole, context)) * kPagePositions;
}

int64_t choose_context(const GenerateOptions& options, const ModelConfig& config, const std::vector<Job>& jobs) {
  if (options.model.context) return *options.model.context;
  int64_t longest = 1;
  for (const Job& job : jobs) {
    const auto prompt = static_cast<int64_t>(job.request.prompt.size());
    longest = std::max(
        longest, job.request.max_tokens < 0 ? std::max(kUsualContext, 2 * prompt) : prompt + job.request.max_tokens);
  }
  return config.context > 0 ? std::min(longest, config.context) : longest;
}

// Pages for as many jobs at once as are wanted, or as memory holds.
EngineOptions engine_options(const GenerateOptions& options, LoadedModel& model, const std::vector<Job>& jobs) {
  EngineOptions engine;
  engine.context = choose_context(options, model.config(), jobs);
  engine.max_sequences = options.parallel;
  std::vector<int64_t> needs;
  for (const Job& job : jobs) needs.push_back(need(job, engine.context));
  std::sort(needs.rbegin(), needs.rend());
  for (size_t i = 0; i < needs.size() && i < static_cast<size_t>(options.parallel); ++i)
    engine.cache_positions += needs[i];
  engine.cache_positions = std::max(engine.cache_positions, engine.context);
  const uint64_t available = available_memory() / 10 * 9;
  while (available > 0 && engine.cache_positions > engine.context && model.plan(engine).total() > available) {
    engine.cache_positions = std::max(engine.context, engine.cache_positions / 2);
  }
  return engine;
}

std::string output_line(const Job& job, const Running& running, const Event& last) {
  JsonLine line;
  line.add("id", job.id).add_ids("ids", running.ids).add("text", running.text).add("reasoning", running.reasoning);
  if (job.logprobs) {
    line.add_floats("logprobs", running.logprobs);
  } else {
    line.add("logprobs", nullptr);
  }
  line.add("finish_reason", std::string(name(last.finish))).add("usage", usage_of(last).to_json());
  return line.text();
}

// Submits the jobs and writes what comes of them.
class Generation {
 public:
  Generation(Engine& engine, const std::vector<Job>& jobs, BatchOutput& output, int parallel, size_t total)
      : engine_(engine),
        jobs_(jobs),
        output_(output),
        parallel_(static_cast<size_t>(parallel)),
        progress_("generating", Progress::Unit::Count, total, "lines") {
    progress_.already(total - jobs.size());
    done_ = total - jobs.size();
    total_ = total;
  }

  void run() {
    while (next_ < jobs_.size() || !running_.empty()) {
      check_interrupt();
      // A few more than run at once, so that the engine never waits for us.
      while (next_ < jobs_.size() && running_.size() < 2 * parallel_) {
        running_[engine_.submit(jobs_[next_].request)].job = next_;
        ++next_;
      }
      for (const Event& event : engine_.step()) take(event);
      progress_.remark(fmt::format("{:.1f} tok/s", static_cast<double>(tokens_) / std::max(1e-9, progress_.seconds())));
      progress_.update(done_, total_);
    }
    progress_.finish();
  }

  int64_t tokens() const { return tokens_; }
  double seconds() const { return progress_.seconds(); }

 private:
  void take(const Event& event) {
    const auto found = running_.find(event.request);
    if (found == running_.end()) return;
    Running& running = found->second;
    const Job& job = jobs_[running.job];
    if (event.finish == FinishReason::Error) fail(Exit::kFailure, "{}: {}", job.where, event.error);
    if (event.token >= 0) {
      running.ids.push_back(event.token);
      running.logprobs.push_back(event.logprob);
      ++tokens_;
    }
    running.text += event.text;
    running.reasoning += event.reasoning;
    if (event.finish == FinishReason::None) return;
    output_.put(running.job, output_line(job, running, event));
    running_.erase(found);
    ++done_;
  }

  Engine& engine_;
  const std::vector<Job>& jobs_;
  BatchOutput& output_;
  size_t parallel_, next_ = 0, done_ = 0, total_ = 0;
  int64_t tokens_ = 0;
  std::unordered_map<RequestId, Running> running_;
  Progress progress_;
};

int generate(const GenerateOptions& options) {
  LoadedModel model = options.model.open();
  const Thinking thinking = options.think.empty() ? Thinking() : Thinking::from_text(options.think);
  if (thinking.budget > 0) fail(Exit::kUsage, "--think: a budget is for 'r1 run'; expected on or off");
  const Sampling sampling = options.sampling.over(model.default_sampling());
  check_not_same_file(options.in, options.out);
  BatchOutput output(options.out, {"generate", {"finish_reason"}}, !options.unordered);
  std::vector<Job> jobs;
  size_t total = 0;
  read_batch(options.in, [&](const BatchLine& line) {
    Job job = job_of(line, options, model, sampling, thinking);
    ++total;
    if (!output.has(line.id())) jobs.push_back(std::move(job));
  });
  if (jobs.empty()) {
    if (total == 0) return 0;
    output.open();  // a torn line goes
    output.close();
    note(fmt::format("nothing to do: {} has all of {}", options.out, count_text(static_cast<int64_t>(total), "line")));
    return 0;
  }
  const EngineOptions engine_settings = engine_options(options, model, jobs);
  for (const Job& job : jobs) {
    if (static_cast<int64_t>(job.request.prompt.size()) >= engine_settings.context) {
      throw Error(
          fmt::format("{}: the prompt has {}, and the context holds {}", job.where,
                      count_text(static_cast<int64_t>(job.request.prompt.size()), "token"), engine_settings.context),
          Exit::kUsage, "shorten it, or ask for more with --context");
    }
  }
  output.open();
  const std::unique_ptr<Engine> engine = start_engine(model, engine_settings);
  Generation generation(*engine, jobs, output, options.parallel, total);
  generation.run();
  output.close();
  if (verbosity() >= 0) {
    say(fmt::format("r1: {}, {} in {}, {:.1f} tok/s\n", count_text(static_cast<int64_t>(jobs.size()), "line"),
                    count_text(generation.tokens(), "token"), duration_text(generation.seconds()),
                    static_cast<double>(generation.tokens()) / std::max(1e-9, generation.seconds())));
  }
  if (options.stats) say(memory_text(model.plan(engine_settings)));
  return 0;
}

std::function<int()> declare_generate(Options& options) {
  auto settings = std::make_shared<GenerateOptions>();
  settings->model.declare_model(options);
  options.group("Files");
  options.add("i,in", settings->in, "FILE", "the prompts, JSONL; - is standard input").path().command_line_only();
  options
      .add("o,out", settings->out, "FILE",
           "the answers, JSONL; - is standard output. A file that is there is continued")
      .path()
      .command_line_only();
  options.add_switch("unordered", settings->unordered,
                     "write answers as they are finished, not in the order of the input");
  settings->sampling.declare(options);
  options.find("seed")->otherwise("0").help =
      "the same seed gives the same answers; each line draws by this seed and its own id";
  options.add_switch("ignore-eos", settings->ignore_eos, "go on behind end tokens");
  options.add("think", settings->think, "on|off", "for lines with messages: with or without a thought")
      .otherwise("as the model's template has it");
  settings->model.declare_compute(options);
  options.add("parallel", settings->parallel, "N", "sequences at once").range(1, 4096);
  settings->model.declare_template(options);
  options.group("Output");
  options.add_switch("stats", settings->stats, "planned and measured memory at the end");
  return [settings] { return generate(*settings); };
}

}  // namespace

Verb generate_verb() {
  return {
      "generate",
      "answer every line of a file",
      "r1 generate MODEL --in FILE --out FILE [options]",
      "An input line is an object with \"id\" and one of \"prompt\" (raw text), \"ids\" (token ids) and \"messages\" "
      "(a conversation, through the "
      "model's template), and, where wanted, max_tokens, temperature, top_p, top_k, min_p, seed, stop, ignore_eos, "
      "logprobs. "
      "An output line has id, ids, text, reasoning, logprobs, finish_reason and usage. All lines are checked before "
      "anything runs; "
      "a run that was stopped goes on where it was when it is started again with the same --out.",
      {{"r1 generate model.gguf --in prompts.jsonl --out answers.jsonl", "answers in the order of the prompts"},
       {"r1 generate model/ --exact --temperature 0 < prompts.jsonl > answers.jsonl", "greedy, in float32 throughout"}},
      declare_generate};
}

}  // namespace r1
