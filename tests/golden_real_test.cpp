// The real model (SmolLM2-135M-Instruct, Q4_1) against a second engine's goldens; tolerances and the near-tie rule are
// those of its README. Exact mode on every kernel set, the default mode by what it does to the distribution.
#include <fstream>

#include "golden_model.h"

namespace r1 {
namespace {

constexpr const char* kModel = "models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf";
constexpr const char* kGolden = "models/smollm2-135m-instruct/golden/";
constexpr double kNearTie = 0.005;  // gap of the golden's best two logits
constexpr int64_t kLogitRows = 64;  // logits are made for so many rows at once

// Plain loops, and loops without the instructions they were written for: a part of each test says enough there.
bool on_reference(const std::string& set) { return set == "reference"; }
bool on_slow_set(const std::string& set) { return on_reference(set) || set == "generic"; }
bool on_best_set(const std::string& set) { return set == all_kernel_sets().back(); }

size_t longest_sequence(const std::string& set) { return on_reference(set) ? 33 : on_slow_set(set) ? 128 : 100000; }

// Calls body(row, logits) for every row of one sequence, in one pass.
template <typename Body>
void for_each_row(GoldenModel& model, std::span<const int32_t> ids, Body&& body) {
  Batch batch;
  batch.append(ids, 0, {}, 0);
  Pass pass = model.pass();
  const Tensor hidden = model.decoder().hidden(pass, batch);
  for (int64_t begin = 0; begin < hidden.rows(); begin += kLogitRows) {
    const Scratch scratch(pass);
    const Tensor logits =
        model.decoder().logits(pass, hidden.slice_rows(begin, std::min(begin + kLogitRows, hidden.rows())));
    for (int64_t r = 0; r < logits.rows(); ++r) {
      body(static_cast<size_t>(begin + r), std::span<const float>(logits.f32(r), static_cast<size_t>(logits.cols())));
    }
  }
}

// One sequence of logits.json.
struct GoldenSequence {
  explicit GoldenSequence(const Json& json, const std::filesystem::path& folder)
      : name(json["name"]),
        ids(json["ids"].get<std::vector<int32_t>>()),
        argmax(json["argmax"].get<std::vector<int32_t>>()),
        last(read_numbers<float>(folder / json["last"]["file"].get<std::string>())),
        top_ids(read_numbers<int32_t>(folder / json["top64_ids"]["file"].get<std::string>())),
        top_logprob(read_numbers<float>(folder / json["top64_logprob"]["file"].get<std::string>())) {}

  std::string name;
  std::vector<int32_t> ids, argmax;
  std::vector<float> last;
  std::vector<int32_t> top_ids;  // [n, 64]
  std::vector<float> top_logprob;
};

std::vector<GoldenSequence> golden_sequences() {
  const auto path = find_data(std::string(kGolden) + "logits.json");
  std::vector<GoldenSequence> sequences;
  const Json json = read_json(*path);
  for (const Json& s : json["sequences"]) sequences.emplace_back(s, path->parent_path());
  return sequences;
}

// KL(golden, found) of one row over the golden's 64 likeliest tokens and the rest as one. Written so that it is of
// second order in the differences: float32 rounding of the stored numbers does not matter.
double coarse_kl(const GoldenSequence& golden, size_t row, const std::vector<double>& logprob) {
  double kl = 0, p_rest = 1, q_rest = 1;
  for (size_t t = row * 64; t < row * 64 + 64; ++t) {
    const double log_p = golden.top_logprob[t], log_q = logprob[static_cast<size_t>(golden.top_ids[t])];
    kl += std::exp(log_p) * (log_p - log_q) - std::exp(log_p) + std::exp(log_q);
    p_rest -= std::exp(log_p);
    q_rest -= std::exp(log_q);
  }
  if (p_rest > 1e-6 && q_rest > 1e-6) kl += p_rest * std::log(p_rest / q_rest) - p_rest + q_rest;
  return kl;
}

struct Judgement {
  double worst_logprob = 0, mean_kl = 0, argmax_share = 0;
  std::vector<size_t> missed;  // rows whose argmax differs
  std::vector<float> last;
};

Judgement judge(GoldenModel& model, const GoldenSequence& golden) {
  Judgement result;
  const auto n = static_cast<double>(golden.ids.size());
  for_each_row(model, golden.ids, [&](size_t row, std::span<const float> logits) {
    const std::vector<double> logprob = log_softmax(logits);
    for (size_t t = row * 64; t < row * 64 + 64; ++t) {
      const double off = std::abs(golden.top_logprob[t] - logprob[static_cast<size_t>(golden.top_ids[t])]);
      if (!(off <= result.worst_logprob)) result.worst_logprob = off;
    }
    result.mean_kl += coarse_kl(golden, row, logprob) / n;
    const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
    if (best == golden.argmax[row]) {
      result.argmax_share += 1 / n;
    } else {
      result.missed.push_back(row);
    }
    if (row + 1 == golden.ids.size()) result.last.assign(logits.begin(), logits.end());
  });
  return result;
}

class RealModel : public ::testing::TestWithParam<std::string> {};

TEST_P(RealModel, LogitsExact) {
  R1_DATA_OR_SKIP(path, kModel);
  GoldenModel model(path, GetParam(), DecoderOptions::exact());
  for (const GoldenSequence& golden : golden_sequences()) {
    if (golden.ids.size() > longest_sequence(GetParam())) continue;
    SCOPED_TRACE(golden.name);
    const Judgement found = judge(model, golden);
    expect_close<float, float>(found.last, golden.last, 2e-3, "logits of the last position");
    EXPECT_LE(found.worst_logprob, 2e-3);
    EXPECT_LE(found.mean_kl, 1e-8);
    for (const size_t row : found.missed) {
      EXPECT_LT(golden.top_logprob[row * 64] - golden.top_logprob[row * 64 + 1], kNearTie) << "argmax of row " << row;
    }
  }
}

TEST_P(RealModel, DistributionInFastMode) {
  if (on_reference(GetParam())) GTEST_SKIP() << "the reference backend has one precision";
  R1_DATA_OR_SKIP(path, kModel);
  GoldenModel model(path, GetParam(), DecoderOptions{});
  for (const GoldenSequence& golden : golden_sequences()) {
    if (golden.ids.size() < 33 || golden.ids.size() > longest_sequence(GetParam())) continue;
    SCOPED_TRACE(golden.name);
    const Judgement found = judge(model, golden);
    std::printf("%s: argmax %.4f, KL %.5f\n", golden.name.c_str(), found.argmax_share, found.mean_kl);
    EXPECT_GE(found.argmax_share, 0.93);
    EXPECT_LE(found.mean_kl, 0.02);
  }
}

// ---- greedy text ----

struct GreedyPrompt {
  std::vector<int32_t> prompt, answer, second;
  std::vector<double> gap, logprob;
};

std::vector<GreedyPrompt> greedy_prompts() {
  std::vector<GreedyPrompt> prompts;
  std::ifstream stream(*find_data(std::string(kGolden) + "greedy.jsonl"));
  for (std::string line; std::getline(stream, line);) {
    const Json json = parse_json(line, "greedy.jsonl");
    prompts.push_back({json["prompt_ids"], json["ids"], json["second"], json["gap"], json["logprob"]});
  }
  return prompts;
}

// A prompt on its way: what was written so far, on which pages.
struct GreedyRun {
  const GreedyPrompt* golden;
  std::vector<int32_t> pages, written;
  bool left = false;  // wrote the runner-up of a near-tie: the comparison ends there

  bool done() const { return left || written.size() == golden->answer.size(); }

  void append_to(Batch& batch) const {
    if (written.empty()) {
      batch.append(golden->prompt, 0, pages, 1);
    } else {
      const auto position = static_cast<int32_t>(golden->prompt.size() + written.size()) - 1;
      batch.append({&written.back(), 1}, position, pages, 1);
    }
  }

  void take(std::span<const float> logits) {
    const size_t step = written.size();
    const auto logprob = log_softmax(logits);
    const auto best = static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    const int32_t wanted = golden->answer[step], second = golden->second[step];
    written.push_back(best);
    if (best != wanted && golden->gap[step] < kNearTie && best == second) {
      left = true;
      return;
    }
    ASSERT_EQ(best, wanted) << "step " << step << ", gap " << golden->gap[step];
    EXPECT_NEAR(logprob[static_cast<size_t>(wanted)], golden->logprob[step], 2e-4) << "step " << step;
    EXPECT_NEAR(logits[static_cast<size_t>(wanted)] - logits[static_cast<size_t>(second)], golden->gap[step], 5e-4)
        << "step " << step;
  }
};

// All prompts at once, each on pages of its own: the texts must be those of every prompt alone.
TEST_P(RealModel, GreedyExact) {
  if (on_reference(GetParam())) GTEST_SKIP() << "too slow for the reference backend";
  R1_DATA_OR_SKIP(path, kModel);
  GoldenModel model(path, GetParam(), DecoderOptions::exact());
  auto prompts = greedy_prompts();
  ASSERT_EQ(prompts.size(), 20u);
  if (on_slow_set(GetParam())) prompts.resize(1);
  std::vector<GreedyRun> runs;
  int32_t next_page = 0;
  for (const GreedyPrompt& prompt : prompts) {
    GreedyRun run{&prompt, {}, {}, false};
    const size_t positions = prompt.prompt.size() + prompt.answer.size();
    while (run.pages.size() * kPagePositions < positions) run.pages.push_back(next_page++);
    runs.push_back(std::move(run));
  }
  const auto cache = model.make_cache(next_page);
  for (;;) {
    Batch batch;
    std::vector<size_t> who;
    for (size_t i = 0; i < runs.size(); ++i) {
      if (runs[i].done()) continue;
      runs[i].append_to(batch);
      who.push_back(i);
    }
    if (who.empty()) break;
    Pass pass = model.pass(cache.get());
    const Tensor logits = model.decoder().forward(pass, batch);
    for (size_t i = 0; i < who.size(); ++i) {
      SCOPED_TRACE(fmt::format("prompt {}", who[i]));
      runs[who[i]].take({logits.f32(static_cast<int64_t>(i)), static_cast<size_t>(logits.cols())});
      if (HasFatalFailure()) return;
    }
  }
}

// ---- perplexity ----

struct Perplexity {
  std::vector<std::vector<float>> nll;  // chunk by chunk, of every token but the first
};

// The first `chunks` chunks of the golden text.
Perplexity run_perplexity(GoldenModel& model, const Json& golden, size_t chunks) {
  const auto ids = golden["ids"].get<std::vector<int32_t>>();
  const size_t size = golden["chunk"];
  Perplexity result;
  for (size_t begin = 0; begin < ids.size() && result.nll.size() < chunks; begin += size) {
    const auto chunk = std::span(ids).subspan(begin, std::min(size, ids.size() - begin));
    auto& nll = result.nll.emplace_back();
    for_each_row(model, chunk, [&](size_t row, std::span<const float> logits) {
      if (row + 1 == chunk.size()) return;
      nll.push_back(static_cast<float>(-log_softmax(logits)[static_cast<size_t>(chunk[row + 1])]));
    });
  }
  return result;
}

double mean(const std::vector<std::vector<float>>& chunks) {
  double sum = 0;
  size_t count = 0;
  for (const auto& chunk : chunks) {
    for (const float value : chunk) sum += value;
    count += chunk.size();
  }
  return sum / static_cast<double>(count);
}

// The whole text on the best kernel set, its beginning on the others.
TEST_P(RealModel, PerplexityExact) {
  if (on_slow_set(GetParam())) GTEST_SKIP() << "too slow for " << GetParam();
  R1_DATA_OR_SKIP(path, kModel);
  const Json golden = read_json(*find_data(std::string(kGolden) + "perplexity.json"));
  const auto wanted = read_numbers<float>(*find_data(std::string(kGolden) + "perplexity.nll.f32"));
  GoldenModel model(path, GetParam(), DecoderOptions::exact());
  const Perplexity found = run_perplexity(model, golden, on_best_set(GetParam()) ? 1000 : 2);
  size_t at = 0;
  for (size_t c = 0; c < found.nll.size(); ++c) {
    const auto part = std::span(wanted).subspan(at, found.nll[c].size());
    expect_close<float, float>(found.nll[c], part, 2e-3, fmt::format("chunk {}", c));
    EXPECT_NEAR(mean({found.nll[c]}), golden["runs"]["f32"]["chunk_mean_nll"][c].get<double>(), 2e-4) << "chunk " << c;
    at += part.size();
  }
  if (!on_best_set(GetParam())) return;
  EXPECT_EQ(at, wanted.size());
  EXPECT_NEAR(mean(found.nll), golden["runs"]["f32"]["mean_nll"].get<double>(), 1e-4);
}

TEST_P(RealModel, PerplexityInFastMode) {
  if (!on_best_set(GetParam())) GTEST_SKIP() << "judged on the best kernel set";
  R1_DATA_OR_SKIP(path, kModel);
  const Json golden = read_json(*find_data(std::string(kGolden) + "perplexity.json"));
  GoldenModel model(path, GetParam(), DecoderOptions{});
  const double found = mean(run_perplexity(model, golden, 1000).nll);
  std::printf("mean NLL %.6f\n", found);
  EXPECT_NEAR(found, golden["runs"]["f32"]["mean_nll"].get<double>(), 0.01);
}

INSTANTIATE_TEST_SUITE_P(Golden, RealModel, ::testing::ValuesIn(all_kernel_sets()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace r1
