// r1 score: log-probabilities and perplexity of given text.
#include <cmath>
#include <filesystem>
#include <unordered_map>

#include "base/memory.h"
#include "cli/batch_input.h"
#include "cli/batch_output.h"
#include "cli/interrupt.h"
#include "cli/json_line.h"
#include "cli/model_options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "cli/verb.h"

namespace r1 {
namespace {

struct ScoreOptions {
  ModelOptions model;
  std::string in = "-", out;
  bool unordered = false, text = false, json = false, stats = false;
  int parallel = 8, top = 0;
  int64_t chunk = 0;
};

struct Document {
  OrderedJson id;
  std::string where;
  std::vector<int32_t> ids;
};

// Sums over many tokens, in double.
struct Totals {
  int64_t documents = 0, scored = 0, tokens = 0;
  double nll = 0;

  double mean() const { return scored > 0 ? nll / static_cast<double>(scored) : std::nan(""); }
  void add(const Totals& other) {
    documents += other.documents;
    scored += other.scored;
    tokens += other.tokens;
    nll += other.nll;
  }
};

// The scores of one document as its chunks come in.
struct Scored {
  std::vector<float> logprobs;
  std::vector<std::vector<std::pair<int32_t, float>>> top;
  size_t chunks_left = 0;

  Totals totals() const {
    Totals totals{1, 0, static_cast<int64_t>(logprobs.size()), 0};
    for (const float logprob : logprobs) {
      if (std::isnan(logprob)) continue;
      totals.nll -= static_cast<double>(logprob);
      ++totals.scored;
    }
    return totals;
  }
};

std::string output_line(const Document& document, const Scored& scored, bool with_top) {
  const Totals totals = scored.totals();
  JsonLine line;
  line.add("id", document.id).add_ids("ids", document.ids).add_floats("logprobs", scored.logprobs);
  if (with_top) line.add_top("top", scored.top);
  line.add_float("nll", totals.nll).add_float("perplexity", std::exp(totals.mean()));
  return line.text();
}

// A piece of a document: ids [begin, end), alone from position 0.
struct Chunk {
  size_t document, begin, end;
};

class Scoring {
 public:
  Scoring(Engine& engine, const std::vector<Document>& documents, const ScoreOptions& options, int64_t chunk,
          BatchOutput* output)
      : engine_(engine),
        documents_(documents),
        options_(options),
        output_(output),
        scored_(documents.size()),
        progress_("scoring", Progress::Unit::Count, 0, "tokens") {
    for (size_t d = 0; d < documents.size(); ++d) {
      const size_t length = documents[d].ids.size(), step = static_cast<size_t>(chunk);
      for (size_t begin = 0; begin < length; begin += step)
        chunks_.push_back({d, begin, std::min(begin + step, length)});
      scored_[d].chunks_left = (length + step - 1) / step;
      tokens_ += length;
    }
  }

  Totals run() {
    while (next_ < chunks_.size() || !running_.empty()) {
      check_interrupt();
      while (next_ < chunks_.size() && running_.size() < 2 * static_cast<size_t>(options_.parallel)) submit(next_++);
      for (const Event& event : engine_.step()) take(event);
      if (totals_.scored > 0) progress_.remark(fmt::format("perplexity {:.4f}", std::exp(totals_.mean())));
      progress_.update(done_, tokens_);
    }
    progress_.finish();
    return totals_;
  }

 private:
  void submit(size_t chunk) {
    const Chunk& piece = chunks_[chunk];
    const auto begin = documents_[piece.document].ids.begin();
    Request request;
    request.prompt.assign(begin + static_cast<std::ptrdiff_t>(piece.begin),
                          begin + static_cast<std::ptrdiff_t>(piece.end));
    request.max_tokens = 0;
    request.score_prompt = true;
    request.top = options_.top;
    running_[engine_.submit(std::move(request))] = chunk;
  }

  void take(const Event& event) {
    const auto found = running_.find(event.request);
    if (found == running_.end()) return;
    const Chunk& chunk = chunks_[found->second];
    const Document& document = documents_[chunk.document];
    if (event.finish == FinishReason::Error) fail(Exit::kFailure, "{}: {}", document.where, event.error);
    if (event.scores) store(chunk, *event.scores);
    if (event.finish == FinishReason::None) return;
    running_.erase(found);
    done_ += chunk.end - chunk.begin;
    Scored& scored = scored_[chunk.document];
    if (--scored.chunks_left > 0) return;
    totals_.add(scored.totals());
    if (output_ != nullptr) output_->put(chunk.document, output_line(document, scored, options_.top > 0));
    scored = {};
  }

  void store(const Chunk& chunk, const PromptScores& scores) {
    Scored& scored = scored_[chunk.document];
    scored.logprobs.resize(documents_[chunk.document].ids.size());
    std::copy(scores.logprobs.begin(), scores.logprobs.end(),
              scored.logprobs.begin() + static_cast<std::ptrdiff_t>(chunk.begin));
    if (options_.top == 0) return;
    scored.top.resize(scored.logprobs.size());
    std::copy(scores.top.begin(), scores.top.end(), scored.top.begin() + static_cast<std::ptrdiff_t>(chunk.begin));
  }

  Engine& engine_;
  const std::vector<Document>& documents_;
  const ScoreOptions& options_;
  BatchOutput* output_;
  std::vector<Chunk> chunks_;
  std::vector<Scored> scored_;
  std::unordered_map<RequestId, size_t> running_;
  size_t next_ = 0;
  uint64_t done_ = 0, tokens_ = 0;
  Totals totals_;
  Progress progress_;
};

std::vector<int32_t> encode_raw(const Tokenizer& tokenizer, const std::string& text) {
  return tokenizer.encode(text, {.add_special = true, .parse_special = true});
}

bool is_text(const ScoreOptions& options) {
  const std::string extension = std::filesystem::path(options.in).extension();
  return options.text || extension == ".txt" || extension == ".md";
}

// The totals of the lines that an earlier run wrote, by id as JSON.
using Kept = std::unordered_map<std::string, Totals>;

// The documents that are still to be scored. What an earlier run has scored of this input goes into `done`.
std::vector<Document> read_documents(const ScoreOptions& options, const LoadedModel& model, const Kept& kept,
                                     Totals& done) {
  std::vector<Document> documents;
  const auto take = [&](Document document) {
    const auto known = kept.find(compact(document.id));
    if (known == kept.end()) {
      documents.push_back(std::move(document));
    } else {
      done.add(known->second);
    }
  };
  if (is_text(options)) {
    const std::string id = options.in == "-" ? "-" : std::filesystem::path(options.in).filename().string();
    Document document{id, options.in, encode_raw(model.tokenizer(), read_input(options.in))};
    if (document.ids.empty()) fail(Exit::kUsage, "{}: there is no text to score", options.in);
    take(std::move(document));
    return documents;
  }
  read_batch(options.in, [&](const BatchLine& line) {
    line.only({"id", "text", "ids"});
    Document document{line.field("id"), line.where(), {}};
    document.ids = line.one_of({"text", "ids"}) == "ids" ? line.ids("ids", model.config().vocabulary)
                                                         : encode_raw(model.tokenizer(), line.text("text"));
    if (document.ids.empty()) line.wrong("text", "a text of at least one token");
    take(std::move(document));
  });
  return documents;
}

// What an earlier run wrote counts in the summary, too.
Totals totals_of(const OrderedJson& line) {
  Totals totals{1, 0, 0, 0};
  if (!line.contains("logprobs") || !line["logprobs"].is_array()) return totals;
  for (const OrderedJson& logprob : line["logprobs"]) {
    ++totals.tokens;
    if (!logprob.is_number()) continue;
    totals.nll -= logprob.get<double>();
    ++totals.scored;
  }
  return totals;
}

std::string summary_text(const Totals& totals, bool json) {
  if (json) {
    JsonLine line;
    line.add("documents", totals.documents)
        .add("tokens", totals.tokens)
        .add("scored", totals.scored)
        .add_float("nll", totals.nll);
    line.add_float("mean_nll", totals.mean()).add_float("perplexity", std::exp(totals.mean()));
    return line.text() + "\n";
  }
  const std::string counts =
      fmt::format("{}, {} scored", count_text(totals.documents, "document"), count_text(totals.scored, "token"));
  if (totals.scored == 0) return counts + ": no perplexity, a sequence's first token has nothing before it\n";
  return fmt::format("{}: mean negative log-probability {:.6f}, perplexity {:.6f}\n", counts, totals.mean(),
                     std::exp(totals.mean()));
}

// The longest sequence: --context or --chunk, else the model's limit; no more than the longest document.
int64_t choose_context(const ScoreOptions& options, const ModelConfig& config, const std::vector<Document>& documents) {
  int64_t longest = 1;
  for (const Document& document : documents) longest = std::max(longest, static_cast<int64_t>(document.ids.size()));
  int64_t context = options.model.context.value_or(config.context > 0 ? config.context : longest);
  if (options.chunk > 0) context = options.chunk;
  return std::min(context, longest);
}

int score(const ScoreOptions& options) {
  LoadedModel model = options.model.open();
  if (options.chunk > 0 && options.model.context && *options.model.context < options.chunk) {
    fail(Exit::kUsage, "--chunk {} does not fit into --context {}", options.chunk, *options.model.context);
  }
  Totals totals;
  std::unique_ptr<BatchOutput> output;
  const std::string out = options.out.empty() && !is_text(options) ? "-" : options.out;
  Kept kept;
  if (!out.empty()) {
    check_not_same_file(options.in, out);
    output =
        std::make_unique<BatchOutput>(out, BatchOutput::Format{"score", {"nll", "perplexity"}}, !options.unordered,
                                      [&](const OrderedJson& line) { kept[compact(line["id"])] = totals_of(line); });
  }
  const std::vector<Document> documents = read_documents(options, model, kept, totals);

  if (output != nullptr) output->open();
  if (!documents.empty()) {
    EngineOptions settings;
    settings.context = choose_context(options, model.config(), documents);
    settings.max_sequences = options.parallel;
    settings.reuse_prefixes = false;
    settings.cache_positions = settings.context * std::min<int64_t>(options.parallel, 4);
    const std::unique_ptr<Engine> engine = start_engine(model, settings);
    totals.add(Scoring(*engine, documents, options, settings.context, output.get()).run());
    if (options.stats) say(memory_text(model.plan(settings)));
  }
  if (output != nullptr) output->close();
  if (out == "-") {
    if (verbosity() >= 0) say("r1: " + summary_text(totals, options.json));
  } else {
    standard_output().write(summary_text(totals, options.json));
  }
  return 0;
}

std::function<int()> declare_score(Options& options) {
  auto settings = std::make_shared<ScoreOptions>();
  settings->model.declare_model(options);
  options.group("Files");
  options.add("i,in", settings->in, "FILE", "what to score: JSONL, or a .txt file as one document; - is standard input")
      .path()
      .command_line_only();
  options
      .add("o,out", settings->out, "FILE", "the scores, JSONL; - is standard output. A file that is there is continued")
      .path()
      .command_line_only()
      .otherwise("-, for a .txt file the summary alone");
  options.add_switch("text", settings->text, "the input is one text, whatever it is called").command_line_only();
  options.add_switch("unordered", settings->unordered,
                     "write lines as they are finished, not in the order of the input");
  options.group("Scoring");
  options.add("top", settings->top, "N", "tell the N likeliest tokens of every position, too").range(0, 1000);
  options
      .add("chunk", settings->chunk, "N",
           "cut into consecutive chunks of N tokens, each alone from position 0, its first token unscored")
      .range(2, 1 << 30)
      .otherwise("the context");
  settings->model.declare_compute(options);
  options.add("parallel", settings->parallel, "N", "chunks at once").range(1, 4096);
  options.group("Output");
  options.add_switch("json", settings->json, "the summary as a JSON object").command_line_only();
  options.add_switch("stats", settings->stats, "planned and measured memory at the end");
  return [settings] { return score(*settings); };
}

}  // namespace

Verb score_verb() {
  return {
      "score",
      "log-probabilities and perplexity of given text",
      "r1 score MODEL --in FILE [--out FILE] [options]",
      "An input line is an object with \"id\" and one of \"text\" and \"ids\". An output line has id, ids, logprobs "
      "(natural logarithms; the first is "
      "null), with --top also top ([[id, logprob], ...] per position), nll (their negative sum) and perplexity. What "
      "is longer than the context is cut into chunks. "
      "The last line on standard output, or on stderr if the scores go there, is the summary of all.",
      {{"r1 score model.gguf --in book.txt --chunk 512 --exact", "the perplexity of a text in chunks of 512 tokens"},
       {"r1 score model/ --in texts.jsonl --out scores.jsonl --top 5", "scores with the five likeliest alternatives"}},
      declare_score};
}

}  // namespace r1
