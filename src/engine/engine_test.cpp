// The promise of the engine: a request's tokens and log-probabilities depend on that request alone, bit for bit,
// whatever runs beside it, however prompts are chunked, pages reused and sequences paused, on any number of threads
// (decisions.md 3).
#include "engine/engine.h"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>

#include "base/random.h"
#include "engine/loaded_model.h"
#include "models/edited_source_test.h"
#include "test_data.h"

namespace r1 {
namespace {

struct Answer {
  std::vector<int32_t> ids;
  std::vector<uint32_t> logprobs;  // as bits: equality is meant
  std::vector<uint32_t> scores;
  std::string text, reasoning;
  FinishReason finish = FinishReason::None;
  bool operator==(const Answer&) const = default;
};

void take(const std::vector<Event>& events, std::map<RequestId, Answer>& answers) {
  for (const Event& event : events) {
    Answer& answer = answers[event.request];
    R1_CHECK(answer.finish == FinishReason::None, "an event after the last one");
    if (event.token >= 0) {
      answer.ids.push_back(event.token);
      answer.logprobs.push_back(std::bit_cast<uint32_t>(event.logprob));
    }
    if (event.scores) {
      for (size_t i = 1; i < event.scores->logprobs.size(); ++i) {
        answer.scores.push_back(std::bit_cast<uint32_t>(event.scores->logprobs[i]));
      }
    }
    answer.text += event.text;
    answer.reasoning += event.reasoning;
    answer.finish = event.finish;
  }
}

void drain(Engine& engine, std::map<RequestId, Answer>& answers) {
  for (int passes = 0; !engine.idle(); ++passes) {
    R1_CHECK(passes < 100000, "the engine does not come to an end");
    take(engine.step(), answers);
  }
}

std::map<RequestId, Answer> drain(Engine& engine) {
  std::map<RequestId, Answer> answers;
  drain(engine, answers);
  return answers;
}

// R1_ISA while this lives.
class ChosenKernelSet {
 public:
  explicit ChosenKernelSet(const std::string& set) {
    if (const char* before = std::getenv("R1_ISA")) before_ = before;
    if (!set.empty()) ::setenv("R1_ISA", set.c_str(), 1);
  }
  ~ChosenKernelSet() { before_ ? ::setenv("R1_ISA", before_->c_str(), 1) : ::unsetenv("R1_ISA"); }

 private:
  std::optional<std::string> before_;
};

// Fixtures are opened once per kernel set and thread count: packing weights is not what is tested here.
LoadedModel& model(const std::filesystem::path& path, bool exact, int threads, const std::string& kernel_set = "") {
  static std::map<std::tuple<std::string, bool, int, std::string>, std::unique_ptr<LoadedModel>> models;
  auto& slot = models[{path.string(), exact, threads, kernel_set}];
  if (!slot) {
    slot = std::make_unique<LoadedModel>(path, LoadOptions{.threads = threads, .exact = exact});
    const ChosenKernelSet chosen(kernel_set);
    slot->backend();  // opened now: the set is looked up here
  }
  return *slot;
}

Request random_request(uint64_t seed, uint64_t index, int64_t vocabulary) {
  const auto draw = [&](uint64_t what, int64_t below) {
    return static_cast<int64_t>(uniform(seed, 100 + index, what) * static_cast<double>(below));
  };
  Request request;
  // Prompts share beginnings: a few stems, each longer than a page, and a tail of their own.
  const int64_t stem = draw(0, 3), shared = draw(1, 4) * 50, tail = 1 + draw(2, 60);
  for (int64_t i = 0; i < shared; ++i) {
    request.prompt.push_back(static_cast<int32_t>(uniform(7, static_cast<uint64_t>(stem), static_cast<uint64_t>(i)) *
                                                  static_cast<double>(vocabulary)));
  }
  for (int64_t i = 0; i < tail; ++i)
    request.prompt.push_back(static_cast<int32_t>(draw(static_cast<uint64_t>(10 + i), vocabulary)));
  request.max_tokens = 1 + draw(3, 40);
  request.sampling = {.temperature = draw(4, 2) == 0 ? 0.0f : 0.9f, .top_p = 0.95f, .seed = seed + index};
  request.ignore_eos = draw(5, 2) == 0;
  request.score_prompt = draw(6, 4) == 0;
  if (request.score_prompt && draw(7, 2) == 0) request.max_tokens = 0;
  return request;
}

// What was found before a request was cancelled is what it would have found.
bool begins(const Answer& whole, const Answer& part) {
  const auto starts = [](const auto& longer, const auto& shorter) {
    return shorter.size() <= longer.size() && std::equal(shorter.begin(), shorter.end(), longer.begin());
  };
  return starts(whole.ids, part.ids) && starts(whole.logprobs, part.logprobs) && starts(whole.scores, part.scores);
}

EngineOptions random_crowd() {
  EngineOptions crowd;
  crowd.context = 320;
  crowd.cache_positions = *rc::gen::element<int64_t>(320, 448, 1024, 4096);
  crowd.max_sequences = *rc::gen::inRange(1, 10);
  crowd.max_rows = *rc::gen::element(7, 33, 64, 512);
  crowd.chunk = *rc::gen::element(1, 5, 64, 100, 512);
  crowd.reuse_prefixes = *rc::gen::arbitrary<bool>();
  return crowd;
}

void expect_exact(const std::string& data, bool exact) {
  R1_DATA_OR_SKIP(path, data);
  const bool holds = rc::check("alone = in any crowd", [&] {
    const auto seed = *rc::gen::arbitrary<uint32_t>();
    const auto set = *rc::gen::elementOf(std::vector<std::string>(kernel_sets().begin(), kernel_sets().end()));
    const int threads = *rc::gen::inRange(1, 4), requests = *rc::gen::inRange(1, 7);
    LoadedModel& alone_model = model(path, exact, 1, set);
    LoadedModel& crowd_model = model(path, exact, threads, set);
    const auto engine = crowd_model.make_engine(random_crowd());
    std::map<RequestId, Request> submitted;
    std::map<RequestId, Answer> together;
    for (int i = 0; i < requests; ++i) {
      const Request request = random_request(seed, static_cast<uint64_t>(i), alone_model.config().vocabulary);
      submitted[engine->submit(request)] = request;
      // Some arrive while others run, some are cancelled, and pages are forgotten at any time.
      for (int steps = *rc::gen::inRange(0, 60); steps > 0; --steps) take(engine->step(), together);
      if (*rc::gen::inRange(0, 4) == 0) engine->cancel(1 + *rc::gen::inRange<RequestId>(0, submitted.size()));
      if (*rc::gen::inRange(0, 4) == 0) engine->forget_cache();
    }
    drain(*engine, together);

    for (const auto& [id, request] : submitted) {
      const auto alone = alone_model.make_engine({.context = 320, .reuse_prefixes = false});
      alone->submit(request);
      const Answer whole = drain(*alone).begin()->second, &found = together.at(id);
      const bool cancelled = found.finish == FinishReason::Cancelled;
      RC_ASSERT((cancelled ? begins(whole, found) : found == whole));
    }
  });
  EXPECT_TRUE(holds);
}

TEST(EngineExactness, Dense) { expect_exact("fixtures/llama", true); }
TEST(EngineExactness, DenseFast) { expect_exact("fixtures/llama_bf16", false); }
TEST(EngineExactness, MlaAndExperts) { expect_exact("fixtures/deepseek_v3", true); }
TEST(EngineExactness, MlaAndExpertsFast) { expect_exact("fixtures/deepseek_v3_fp8", false); }

TEST(EngineExactness, QuantisedFast) { expect_exact("models/tiny-llama-gguf/quant/llama-q4_k_m.gguf", false); }

class EngineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto path = find_data("fixtures/llama");
    if (!path) GTEST_SKIP() << "needs fixtures/llama";
    model_ = &model(*path, true, 1);
  }
  static Request request(int64_t max_tokens) {
    Request request;
    request.prompt = {1, 2, 3, 4, 5};
    request.max_tokens = max_tokens;
    request.ignore_eos = true;
    request.sampling.temperature = 0;
    return request;
  }
  void expect_failure_apart(const DecoderOptions& options);

  LoadedModel* model_ = nullptr;
};

TEST_F(EngineTest, CountsTokens) {
  const auto engine = model_->make_engine({.context = 128});
  engine->submit(request(7));
  std::vector<Event> all;
  while (!engine->idle()) {
    for (Event& event : engine->step()) all.push_back(std::move(event));
  }
  ASSERT_EQ(all.size(), 7u);
  EXPECT_EQ(all.back().finish, FinishReason::Length);
  EXPECT_EQ(all.back().prompt_tokens, 5);
  EXPECT_EQ(all.back().completion_tokens, 7);
  EXPECT_EQ(all[3].finish, FinishReason::None);
}

TEST_F(EngineTest, StopsAtTheContext) {
  const auto engine = model_->make_engine({.context = 70});
  engine->submit(request(-1));
  const auto answer = drain(*engine).begin()->second;
  EXPECT_EQ(answer.ids.size(), 65u);
  EXPECT_EQ(answer.finish, FinishReason::Length);
}

TEST_F(EngineTest, RefusesWhatCannotRun) {
  const auto engine = model_->make_engine({.context = 64});
  Request long_prompt = request(1), full = request(1), empty = request(1), wrong = request(1);
  long_prompt.prompt.assign(65, 1);
  full.prompt.assign(64, 1);
  empty.prompt.clear();
  wrong.prompt = {1, 1 << 30};
  engine->submit(long_prompt);
  engine->submit(empty);
  engine->submit(wrong);
  engine->submit(full);
  const auto events = engine->step();
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[0].error, "the prompt has 65 tokens, the context holds 64");
  EXPECT_EQ(events[1].error, "the prompt is empty");
  EXPECT_NE(events[2].error.find("outside the model's vocabulary"), std::string::npos);
  EXPECT_EQ(events[3].error, "the prompt has 64 tokens and fills the context: there is no room for an answer");
  EXPECT_TRUE(engine->idle());
  full.max_tokens = 0;  // to be scored
  engine->submit(full);
  EXPECT_EQ(drain(*engine).begin()->second.finish, FinishReason::Length);
}

using EngineDeathTest = EngineTest;

TEST_F(EngineDeathTest, OptionsBelowOneAreABug) {
  EXPECT_DEATH(model_->make_engine({.context = 0}), "context 0, cache_positions 0, max_sequences 64");
  EXPECT_DEATH(model_->make_engine({.max_sequences = 0}), "max_sequences 0");
  EXPECT_DEATH(model_->make_engine({.max_rows = 0}), "max_rows 0");
  EXPECT_DEATH(model_->make_engine({.chunk = 0}), "chunk 0");
  EXPECT_DEATH(model_->make_engine({.cache_positions = -1}), "cache_positions -1");
}

// Many short sequences fill a pass that one of them could not.
TEST_F(EngineTest, PlansPassesOfManySequences) {
  const auto planned = [&](EngineOptions options) {
    return Engine::plan_pass(model_->config(), DecoderOptions::exact(), model_->backend(), options).activations;
  };
  const EngineOptions crowd{.context = 64, .max_sequences = 4, .max_rows = 512},
      one{.context = 256, .max_sequences = 1, .max_rows = 512},
      fewer{.context = 64, .max_sequences = 4, .max_rows = 64};
  EXPECT_EQ(planned(crowd), planned(one));
  EXPECT_GT(planned(crowd), planned(fewer));
}

// A model whose token 42 is broken: whoever reads it fails, whoever runs beside that does not.
void EngineTest::expect_failure_apart(const DecoderOptions& options) {
  EditedSource source(model_->source());
  const int64_t hidden = model_->config().hidden;
  source.numbers("model.embed_tokens.weight")[static_cast<size_t>(42 * hidden)] = NAN;
  const Decoder decoder(source, model_->config(), model_->backend(), options);
  Engine engine(decoder, model_->tokenizer(), model_->backend(), {}, {.context = 256, .max_rows = 70, .chunk = 70});
  engine.submit(this->request(3));
  const std::vector<int32_t> sound = drain(engine).begin()->second.ids;
  const auto events_of = [&](const Request& request) {
    const RequestId id = engine.submit(request), other = engine.submit(this->request(3));
    std::vector<Event> events;
    std::vector<int32_t> beside;
    while (!engine.idle()) {
      for (Event& event : engine.step()) {
        EXPECT_TRUE(event.request != other || event.error.empty()) << event.error;
        if (event.request == other && event.token >= 0) beside.push_back(event.token);
        if (event.request == id) events.push_back(std::move(event));
      }
    }
    EXPECT_EQ(beside, sound);
    return events;
  };
  Request broken = request(4);
  broken.prompt = {1, 2, 42, 4};
  for (const bool scored : {false, true}) {
    broken.score_prompt = scored;
    const auto events = events_of(broken);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].finish, FinishReason::Error);
    EXPECT_EQ(events[0].error, fmt::format("the model's logits at position {} are not finite", scored ? 2 : 3));
    EXPECT_EQ(events[0].token, -1);
    EXPECT_FALSE(events[0].scores);
    EXPECT_EQ(events[0].prompt_tokens, 4);
  }
  broken.prompt.assign(130, 7);
  broken.prompt[128] = 42;
  EXPECT_EQ(events_of(broken).back().error, "the model's logits at position 128 are not finite");
}

TEST_F(EngineTest, LogitsThatAreNotFiniteEndTheRequest) {
  expect_failure_apart(DecoderOptions::exact());
  expect_failure_apart(DecoderOptions());  // NaN left behind on a page harms nobody who gets it next
}

TEST_F(EngineTest, CancelEndsWithOneEvent) {
  const auto engine = model_->make_engine({.context = 128});
  const RequestId first = engine->submit(request(50)), second = engine->submit(request(3));
  engine->step();
  engine->cancel(first);
  engine->cancel(first);
  engine->cancel(9999);
  const auto answers = drain(*engine);
  EXPECT_EQ(answers.at(first).finish, FinishReason::Cancelled);
  EXPECT_EQ(answers.at(second).finish, FinishReason::Length);
}

TEST_F(EngineTest, ReusesAPrefixOnlyWhenAsked) {
  for (const bool reuse : {true, false}) {
    const auto engine = model_->make_engine({.context = 256, .reuse_prefixes = reuse});
    Request request = this->request(2);
    request.prompt.assign(200, 7);
    engine->submit(request);
    drain(*engine);
    engine->submit(request);
    std::vector<Event> events;
    while (!engine->idle()) {
      for (Event& event : engine->step()) events.push_back(std::move(event));
    }
    EXPECT_EQ(events.back().cached_tokens, reuse ? 192 : 0);
    engine->forget_cache();
    engine->submit(request);
    while (!engine->idle()) {
      for (Event& event : engine->step()) events.push_back(std::move(event));
    }
    EXPECT_EQ(events.back().cached_tokens, 0);
  }
}

// A sequence that is still inside its first page when the weights change must not hand that page on, half of it old.
TEST_F(EngineTest, ForgetsWhatRunningSequencesHaveComputed) {
  const auto engine = model_->make_engine({.context = 256});
  Request first = request(100);
  first.prompt.assign(20, 7);
  const RequestId id = engine->submit(first);
  std::vector<int32_t> ids = first.prompt;
  const auto run = [&](size_t until) {
    while (!engine->idle() && ids.size() < until) {
      for (const Event& event : engine->step()) {
        if (event.request == id) ids.push_back(event.token);
      }
    }
  };
  run(30);
  engine->forget_cache();
  run(120);
  Request same = request(1);
  same.prompt = ids;
  const auto cached = [&] {
    engine->submit(same);
    int64_t tokens = -1;
    while (!engine->idle()) {
      for (const Event& event : engine->step()) tokens = event.cached_tokens;
    }
    return tokens;
  };
  EXPECT_EQ(cached(), 0);
  EXPECT_EQ(cached(), 64) << "what was computed wholly after it is shared";
}

TEST_F(EngineTest, PreemptsWhenPagesRunOut) {
  const auto engine = model_->make_engine({.context = 256, .cache_positions = 256});
  for (int i = 0; i < 4; ++i) {
    Request request = this->request(100);
    request.prompt.assign(60, i + 1);
    engine->submit(request);
  }
  for (const auto& [id, answer] : drain(*engine)) EXPECT_EQ(answer.ids.size(), 100u);
  EXPECT_GT(engine->stats().preemptions, 0);
}

TEST_F(EngineTest, ScoresEveryPromptToken) {
  const auto engine = model_->make_engine({.context = 128, .chunk = 3});
  Request request = this->request(0);
  request.score_prompt = true;
  request.top = 4;
  engine->submit(request);
  std::vector<Event> events;
  while (!engine->idle()) {
    for (Event& event : engine->step()) events.push_back(std::move(event));
  }
  ASSERT_EQ(events.size(), 1u);
  ASSERT_TRUE(events[0].scores);
  ASSERT_EQ(events[0].scores->logprobs.size(), 5u);
  EXPECT_TRUE(std::isnan(events[0].scores->logprobs[0]));
  for (size_t i = 1; i < 5; ++i) {
    EXPECT_LT(events[0].scores->logprobs[i], 0);
    ASSERT_EQ(events[0].scores->top[i].size(), 4u);
    EXPECT_GE(events[0].scores->top[i][0].second, events[0].scores->logprobs[i]);
  }
}

}  // namespace
}  // namespace r1
