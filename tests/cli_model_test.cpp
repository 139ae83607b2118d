// The command line with a tiny model, end to end: batches and their resumption, one answer, conversion, a chat on a
// terminal.
#include <gmock/gmock.h>
#include <poll.h>
#include <pty.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>

#include "base/file.h"
#include "base/json.h"
#include "program.h"
#include "test_data.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

class CliModel : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    const auto found = find_data("fixtures/llama");
    if (!found) GTEST_SKIP() << "needs fixtures/llama (not in tests/data nor in ../shared/data)";
    model_ = shell_word(std::filesystem::absolute(*found).string());
  }

  static std::vector<Json> objects(const std::string& text) {
    std::vector<Json> list;
    for (const std::string& line : lines(text)) list.push_back(parse_json(line, "line"));
    return list;
  }

  std::string model_;
};

std::string prompts(int count, int max_tokens) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += fmt::format(R"({{"id":"p{}","ids":[300,{},{}],"max_tokens":{},"ignore_eos":true}})", i, 20 + i, 60 + i,
                        max_tokens) +
            "\n";
  }
  return text;
}

TEST_F(CliModel, GenerateGivesTheGoldenGreedyText) {
  const auto golden = find_data("fixtures/llama/golden.json");
  const Json greedy = parse_json(read_file(*golden), "golden.json")["greedy"];
  std::string in;
  for (size_t i = 0; i < greedy.size(); ++i) {
    in += Json({{"id", i},
                {"ids", greedy[i]["prompt"]},
                {"max_tokens", greedy[i]["tokens"].size()},
                {"temperature", 0},
                {"ignore_eos", true}})
              .dump() +
          "\n";
  }
  write("in.jsonl", in);
  const Ran ran = r1("generate " + model_ + " --exact --in in.jsonl --out out.jsonl");
  ASSERT_EQ(ran.status, 0) << ran.err;
  const std::vector<Json> out = objects(read("out.jsonl"));
  ASSERT_EQ(out.size(), greedy.size());
  for (size_t i = 0; i < out.size(); ++i) {
    EXPECT_EQ(out[i]["id"], i);
    // The model has more rows than the tokenizer has tokens (306), and those are never sampled: compared up to the
    // first.
    const auto golden_ids = greedy[i]["tokens"].get<std::vector<int>>(), ids = out[i]["ids"].get<std::vector<int>>();
    const auto length =
        std::find_if(golden_ids.begin(), golden_ids.end(), [](int id) { return id >= 306; }) - golden_ids.begin();
    EXPECT_GE(length, 5) << "the golden says too little";
    EXPECT_EQ(std::vector<int>(ids.begin(), ids.begin() + length),
              std::vector<int>(golden_ids.begin(), golden_ids.begin() + length));
    EXPECT_EQ(out[i]["logprobs"].size(), out[i]["ids"].size());
    EXPECT_EQ(out[i]["finish_reason"], "length");
    for (const char* key : {"text", "reasoning"}) EXPECT_TRUE(out[i][key].is_string()) << key;
    EXPECT_EQ(out[i]["usage"]["prompt_tokens"], greedy[i]["prompt"].size());
    EXPECT_EQ(out[i]["usage"]["total_tokens"], greedy[i]["prompt"].size() + greedy[i]["tokens"].size());
  }
}

TEST_F(CliModel, AnAnswerDependsOnItsLineAlone) {
  write("all.jsonl", prompts(9, 12));
  const Ran all = r1("generate " + model_ + " --seed 5 --in all.jsonl");
  ASSERT_EQ(all.status, 0) << all.err;
  const std::vector<std::string> line_of_all = lines(all.out);
  ASSERT_EQ(line_of_all.size(), 9u);
  const std::vector<std::string> in = lines(prompts(9, 12));
  write("one.jsonl", in[4] + "\n");
  EXPECT_EQ(objects(r1("generate " + model_ + " --seed 5 --in one.jsonl").out)[0]["logprobs"],
            parse_json(line_of_all[4], "line")["logprobs"]);
  std::vector<std::string> unordered =
      lines(r1("generate " + model_ + " --seed 5 --parallel 3 --unordered < all.jsonl").out);
  std::vector<std::string> sorted = line_of_all;
  std::sort(sorted.begin(), sorted.end());
  std::sort(unordered.begin(), unordered.end());
  EXPECT_EQ(unordered, sorted);
  EXPECT_NE(r1("generate " + model_ + " --seed 6 --in all.jsonl").out, all.out);
}

TEST_F(CliModel, GenerateGoesOnWhereItWasStopped) {
  write("in.jsonl", prompts(6, 8));
  ASSERT_EQ(r1("generate " + model_ + " --in in.jsonl --out whole.jsonl").status, 0);
  const std::string whole = read("whole.jsonl");
  EXPECT_EQ(r1("generate " + model_ + " --in - --out - < in.jsonl").out, whole);
  const std::vector<std::string> line = lines(whole);
  write("part.jsonl", line[0] + "\n" + line[1] + "\n" + line[2].substr(0, 30));
  const Ran ran = r1("generate " + model_ + " --in in.jsonl --out part.jsonl");
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("torn"));
  EXPECT_EQ(read("part.jsonl"), whole);
  EXPECT_EQ(r1("generate " + model_ + " --in in.jsonl --out part.jsonl").status, 0);
  EXPECT_EQ(read("part.jsonl"), whole);
  write("stranger.jsonl", "hello\n");
  EXPECT_EQ(r1("generate " + model_ + " --in in.jsonl --out stranger.jsonl").status, 2);
  EXPECT_EQ(read("stranger.jsonl"), "hello\n");
}

TEST_F(CliModel, BadLinesAreNamedBeforeAnythingRuns) {
  const struct {
    const char *line, *said;
  } cases[] = {
      {"{", "in.jsonl line 2: not valid JSON"},
      {"[1]", "in.jsonl line 2: found [1], expected a JSON object"},
      {R"({"prompt":"x"})", "in.jsonl line 2: field 'id' is missing"},
      {R"({"id":"p0","prompt":"x"})", "line 2: id \"p0\" is already that of line 1"},
      {R"({"id":1})", "line 2: found none, expected exactly one of the fields prompt, ids, messages"},
      {R"({"id":1,"prompt":"x","ids":[1]})", "found prompt and ids"},
      {R"({"id":1,"prompt":5})", "field 'prompt' is 5, expected a string"},
      {R"({"id":1,"ids":[1,331]})",
       "field 'ids' has the entry 331 at index 1, expected a list of token ids from 0 to 330"},
      {R"({"id":1,"prompt":"x","temperatur":1})", "unknown field 'temperatur' (did you mean 'temperature'?)"},
      {R"({"id":1,"prompt":"x","temperature":-1})", "field 'temperature' is -1, expected a number from 0 to 100"},
      {R"({"id":1,"prompt":"x","max_tokens":0})", "field 'max_tokens' is 0"},
      {R"({"id":1,"prompt":"x","seed":-1})", "field 'seed' is -1"},
      {R"({"id":1,"prompt":"x","stop":[1]})", "field 'stop' is [1]"},
      {R"({"id":1,"messages":[{"content":"x"}]})", "in.jsonl line 2: messages"},
  };
  for (const auto& c : cases) {
    write("in.jsonl", prompts(1, 4) + c.line + "\n");
    const Ran ran = r1("generate " + model_ + " --in in.jsonl --out out.jsonl");
    EXPECT_NE(ran.status, 0) << c.line;
    EXPECT_THAT(ran.err, HasSubstr(c.said)) << c.line;
    EXPECT_FALSE(std::filesystem::exists(folder_ / "out.jsonl")) << c.line;
  }
}

TEST_F(CliModel, ScoreCutsIntoChunks) {
  write("in.jsonl", R"({"id":"x","ids":[253,308,3,92,90,123,27,107,22,303]})"
                    "\n"
                    R"({"id":"y","text":"hello"})"
                    "\n");
  const Ran ran = r1("score " + model_ + " --exact --top 2 --chunk 4 --in in.jsonl --out out.jsonl --json");
  ASSERT_EQ(ran.status, 0) << ran.err;
  const std::vector<Json> out = objects(read("out.jsonl"));
  ASSERT_EQ(out.size(), 2u);
  const Json& logprobs = out[0]["logprobs"];
  ASSERT_EQ(logprobs.size(), 10u);
  double nll = 0;
  for (size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(logprobs[i].is_null(), i % 4 == 0) << i;
    if (i % 4 != 0) nll -= logprobs[i].get<double>();
    const Json& top = out[0]["top"][i];
    EXPECT_EQ(top.is_null(), i % 4 == 0) << i;
    if (i % 4 == 0) continue;
    ASSERT_EQ(top.size(), 2u);
    EXPECT_GE(top[0][1].get<double>(), top[1][1].get<double>());
    EXPECT_GE(top[0][1].get<double>(), logprobs[i].get<double>());
  }
  EXPECT_NEAR(out[0]["nll"].get<double>(), nll, 1e-5);
  EXPECT_NEAR(out[0]["perplexity"].get<double>(), std::exp(nll / 7), std::exp(nll / 7) * 1e-6);
  // A chunk stands alone: its first is unscored, and the rest is as if nothing had been before.
  write("tail.jsonl", R"({"id":"t","ids":[90,123,27,107]})"
                      "\n");
  const Json tail = objects(r1("score " + model_ + " --exact --in tail.jsonl").out)[0]["logprobs"];
  for (size_t i = 1; i < 4; ++i) EXPECT_EQ(tail[i], logprobs[4 + i]);
  const Json summary = parse_json(ran.out, "summary");
  EXPECT_EQ(summary["documents"], 2);
  write("book.txt", "some text to score\r\nin two lines");
  EXPECT_THAT(r1("score " + model_ + " --in book.txt").out, HasSubstr("perplexity"));
}

TEST_F(CliModel, TokenizeGoesBothWays) {
  write("in.jsonl", R"({"id":1,"text":"hello","add_special":false})"
                    "\n"
                    R"({"id":2,"text":"hello"})"
                    "\n"
                    R"({"id":3,"ids":[71,68]})"
                    "\n");
  const Ran ran = r1("tokenize " + model_ + " --in in.jsonl");
  ASSERT_EQ(ran.status, 0) << ran.err;
  const std::vector<Json> out = objects(ran.out);
  ASSERT_EQ(out.size(), 3u);
  EXPECT_EQ(out[0]["text"], "hello");
  EXPECT_EQ(out[0]["ids"].size() + 1, out[1]["ids"].size());  // the hub's rule: bos, where the tokenizer adds one
  EXPECT_EQ(out[0]["pieces"].size(), out[0]["ids"].size());
  EXPECT_EQ(out[2]["text"], "he");
  EXPECT_EQ(objects(r1("tokenize " + model_ + " --no-add-special hello").out)[0]["ids"], out[0]["ids"]);
}

TEST_F(CliModel, TokenizeNeedsAVocabularyOnly) {
  R1_DATA_OR_SKIP(vocabulary, "tokenizers/llama.cpp-vectors/ggml-vocab-gpt-2.gguf");
  const Ran ran = r1("tokenize " + shell_word(vocabulary.string()) + " 'Hello world' Hello");
  ASSERT_EQ(ran.status, 0) << ran.err;
  const std::vector<Json> out = objects(ran.out);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0]["ids"], Json({15496, 995}));
  EXPECT_EQ(out[1]["ids"], Json({15496}));
  EXPECT_EQ(out[1]["text"], "Hello");
  EXPECT_EQ(out[1]["id"], 1);
}

TEST_F(CliModel, TheSeedComesFromTheStrongestPlace) {
  const auto seed = [&](const std::string& more, const std::string& before) {
    const Ran ran = r1("run " + model_ + " hi --json --max-tokens 1 " + more, before);
    return ran.status == 0 ? parse_json(ran.out, "answer")["seed"].get<int>() : -ran.status;
  };
  write("config/r1/config.toml", "seed = 1\n");
  EXPECT_EQ(seed("", ""), 1);
  EXPECT_EQ(seed("", "R1_SEED=2"), 2);
  EXPECT_EQ(seed("--seed 3", "R1_SEED=2"), 3);
  write("config/r1/config.toml", "sede = 1\n");
  EXPECT_EQ(seed("", ""), -2);
}

TEST_F(CliModel, RunAnswersOnce) {
  const Ran ran = r1("run " + model_ + " 'a question' --json --seed 3 --max-tokens 20");
  ASSERT_EQ(ran.status, 0) << ran.err;
  const Json answer = parse_json(ran.out, "answer");
  for (const char* key : {"text", "reasoning", "ids", "finish_reason", "usage", "seed"})
    EXPECT_TRUE(answer.contains(key)) << key;
  EXPECT_EQ(answer["usage"]["completion_tokens"], answer["ids"].size());
  const Json again =
      parse_json(r1("run " + model_ + " --json --seed 3 --max-tokens 20", "echo a question |").out, "answer");
  EXPECT_EQ(again["ids"], answer["ids"]);
  const Json other = parse_json(r1("run " + model_ + " 'a question' --json --seed 4 --max-tokens 20").out, "answer");
  EXPECT_NE(other["ids"], answer["ids"]);
  EXPECT_THAT(r1("run " + model_ + " x --temperature 0 --max-tokens 4").err, HasSubstr("temperature 0"));
  EXPECT_EQ(r1("run " + model_ + " x -q --max-tokens 4").err, "");
}

TEST_F(CliModel, ThoughtHasABudget) {
  const Json cut = parse_json(r1("run " + model_ + " hi --json --seed 3 --think 5 --max-tokens 30").out, "answer");
  EXPECT_EQ(cut["usage"]["reasoning_tokens"], 5);
  EXPECT_EQ(cut["ids"][6], 305);  // five tokens of thought, "\n", "</think>"
  EXPECT_EQ(cut["ids"].size(), 30u);
  const Json off = parse_json(r1("run " + model_ + " hi --json --seed 3 --think off --max-tokens 8").out, "answer");
  EXPECT_EQ(off["reasoning"], "");
  EXPECT_EQ(off["usage"]["reasoning_tokens"], 0);
  EXPECT_EQ(r1("run " + model_ + " hi --think much").status, 2);
}

TEST_F(CliModel, ConvertGoesRound) {
  ASSERT_EQ(r1("convert " + model_ + " m.gguf --type f32").status, 0);
  EXPECT_EQ(r1("convert " + model_ + " m.gguf --type f32").status, 1);
  EXPECT_EQ(r1("convert " + model_ + " m.gguf --type f32 --yes").status, 0);
  ASSERT_EQ(r1("convert m.gguf back --type f32").status, 0);
  EXPECT_EQ(r1("convert m.gguf back --type q8_0 --yes").status, 2);
  EXPECT_EQ(r1("verify back").status, 0);
  write("in.jsonl", prompts(3, 10) + R"({"id":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":5})"
                                     "\n");
  const std::string expected = r1("generate " + model_ + " --exact --in in.jsonl").out;
  ASSERT_EQ(lines(expected).size(), 4u);
  EXPECT_EQ(r1("generate back --exact --in in.jsonl").out, expected);
  // A GGUF file holds llama's rows in another order: the same sums, added up in another order.
  const std::vector<Json> ours = objects(r1("generate m.gguf --exact --in in.jsonl").out), theirs = objects(expected);
  ASSERT_EQ(ours.size(), theirs.size());
  for (size_t i = 0; i < ours.size(); ++i) {
    EXPECT_EQ(ours[i]["ids"], theirs[i]["ids"]);
    for (size_t j = 0; j < ours[i]["logprobs"].size(); ++j) {
      EXPECT_NEAR(ours[i]["logprobs"][j].get<double>(), theirs[i]["logprobs"][j].get<double>(), 1e-5);
    }
  }
}

TEST_F(CliModel, VerifyFindsWhatIsWrong) {
  ASSERT_EQ(r1("convert " + model_ + " m --type f32").status, 0);
  std::string weights = read("m/model.safetensors");
  write("m/SHA256SUMS", std::string(64, 'a') + "  model.safetensors\n");
  const Ran sum = r1("verify m");
  EXPECT_EQ(sum.status, 7);
  EXPECT_THAT(sum.out, HasSubstr("SHA256SUMS says"));
  std::filesystem::remove(folder_ / "m/SHA256SUMS");
  // Prose may speak of other sums too: of the package that the file came in.
  const std::string right = lines(sum.out.substr(sum.out.find("model.safetensors: found ") + 25, 64))[0];
  write("m/README.md",
        "model.safetensors: " + right + "\nmodel.safetensors came in a wheel, SHA-256 " + std::string(64, 'b') + "\n");
  EXPECT_EQ(r1("verify m").status, 0);
  write("m/README.md", "model.safetensors came in a wheel, SHA-256 " + std::string(64, 'b') + "\n");
  EXPECT_EQ(r1("verify m").status, 7);
  std::filesystem::remove(folder_ / "m/README.md");
  const float nan = std::nanf("");
  weights.replace(weights.size() - sizeof nan, sizeof nan, reinterpret_cast<const char*>(&nan), sizeof nan);
  write("m/model.safetensors", weights);
  const Ran sick = r1("verify m");
  EXPECT_EQ(sick.status, 4);
  EXPECT_THAT(sick.out, HasSubstr("NaN"));
}

TEST_F(CliModel, ShowTellsThePlan) {
  const Json shown = parse_json(r1("show " + model_ + " --context 256 --json").out, "show");
  EXPECT_EQ(shown["architecture"], "llama");
  EXPECT_EQ(shown["parameters"], 96048);
  EXPECT_EQ(shown["memory"][0]["context"], 256);
  EXPECT_THAT(r1("show " + model_).out, HasSubstr("kernels"));
}

// ---- a chat ----

// A terminal whose other end is the program.
class Screen {
 public:
  Screen(const std::string& command, const std::filesystem::path& home) {
    child_ = ::forkpty(&master_, nullptr, nullptr, nullptr);
    if (child_ == 0) {
      ::setenv("TERM", "xterm", 1);
      ::setenv("LC_ALL", "C.UTF-8", 1);
      ::setenv("HOME", home.c_str(), 1);
      ::setenv("XDG_STATE_HOME", (home / "state").c_str(), 1);
      ::setenv("XDG_CONFIG_HOME", (home / "config").c_str(), 1);
      ::execl("/bin/sh", "sh", "-c", ("exec " + command).c_str(), nullptr);
      ::_exit(127);
    }
  }
  ~Screen() {
    if (child_ > 0) ::kill(child_, SIGKILL);
    if (child_ > 0) ::waitpid(child_, nullptr, 0);
    ::close(master_);
  }

  void type(const std::string& keys) {
    ASSERT_EQ(::write(master_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }

  // Waits until `text` is on the screen behind what was waited for before.
  bool wait_for(const std::string& text) {
    const auto begin = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - begin < std::chrono::seconds(20)) {
      const size_t found = seen_.find(text, from_);
      if (found != std::string::npos) {
        from_ = found + text.size();
        return true;
      }
      pollfd ready = {master_, POLLIN, 0};
      if (::poll(&ready, 1, 100) <= 0) continue;
      char buffer[4096];
      const ssize_t got = ::read(master_, buffer, sizeof buffer);
      if (got <= 0) return false;  // closed: the program is on its way out
      seen_.append(buffer, static_cast<size_t>(got));
    }
    return false;
  }

  // Of the program, which is about to end; -1 if it does not.
  int status() {
    wait_for("\x01never");  // reads until the program closes its side
    int status = 0, tries = 0;
    while (::waitpid(child_, &status, WNOHANG) != child_) {  // its side closes a moment before it has ended
      if (++tries > 1000) return -1;
      ::usleep(10000);
    }
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  const std::string& seen() const { return seen_; }

 private:
  int master_ = -1;
  pid_t child_ = -1;
  std::string seen_;
  size_t from_ = 0;
};

TEST_F(CliModel, ChatWithAPerson) {
  Screen screen(program() + " run " + model_ + " --max-tokens 8 --seed 1", folder_);
  ASSERT_TRUE(screen.wait_for(">>> ")) << screen.seen();
  screen.type("/help\r");
  ASSERT_TRUE(screen.wait_for("/system TEXT")) << screen.seen();
  ASSERT_TRUE(screen.wait_for(">>> "));
  screen.type(
      "naïvx\x7f"
      "e\r");  // a slip, corrected
  ASSERT_TRUE(screen.wait_for("answer 8 tokens")) << screen.seen();
  ASSERT_TRUE(screen.wait_for(">>> "));
  screen.type("/thnik on\r");
  ASSERT_TRUE(screen.wait_for("did you mean '/think'")) << screen.seen();
  ASSERT_TRUE(screen.wait_for(">>> "));
  screen.type("\x1b[200~one\ntwo\x1b[201~\r");  // pasted: one message of two lines
  ASSERT_TRUE(screen.wait_for("answer 8 tokens")) << screen.seen();
  ASSERT_TRUE(screen.wait_for(">>> "));
  screen.type("/save " + (folder_ / "chat.json").string() + "\r");
  ASSERT_TRUE(screen.wait_for(">>> "));
  screen.type("/set max-tokens 100000\r");
  ASSERT_TRUE(screen.wait_for(">>> "));
  screen.type("go on\r");
  ASSERT_TRUE(screen.wait_for("go on")) << screen.seen();
  screen.type("\x04");  // while or after the answer: the chat ends when it is done
  EXPECT_EQ(screen.status(), 0) << screen.seen();
  EXPECT_TRUE(std::filesystem::exists(folder_ / "state/r1/history"));
  const Json saved = parse_json(read("chat.json"), "chat.json");
  ASSERT_EQ(saved["messages"].size(), 4u);
  EXPECT_EQ(saved["messages"][0]["content"], "naïve");
  EXPECT_EQ(saved["messages"][2]["content"], "one\ntwo");
}

TEST_F(CliModel, CtrlCAtThePromptLeaves) {
  Screen screen(program() + " run " + model_, folder_);
  ASSERT_TRUE(screen.wait_for(">>> ")) << screen.seen();
  screen.type("\x03");
  EXPECT_EQ(screen.status(), 130) << screen.seen();
}

}  // namespace
}  // namespace r1
