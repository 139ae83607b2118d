// Batches over several architectures and both formats: an answer depends on its line alone, a killed run is continued,
// log-probabilities are those of `score`; and what happens to damaged models and full disks.
#include <gmock/gmock.h>

#include <algorithm>
#include <csignal>

#include "base/file.h"
#include "base/json.h"
#include "program.h"
#include "test_data.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

// The field's text as it stands in the line: numbers are compared as they were printed.
std::vector<std::string> printed_numbers(const std::string& line, const std::string& field) {
  const size_t name = line.find("\"" + field + "\":[");
  if (name == std::string::npos) return {};
  const size_t begin = line.find('[', name) + 1;
  std::istringstream list(line.substr(begin, line.find(']', begin) - begin));
  std::vector<std::string> numbers;
  for (std::string number; std::getline(list, number, ',');) numbers.push_back(number);
  return numbers;
}

std::string prompt_line(const std::string& id, int length, const Json& more) {
  std::vector<int> ids;
  for (int i = 0; i < length; ++i) ids.push_back((length * 37 + i * 11) % 290);
  Json line = {{"id", id}, {"ids", ids}};
  line.update(more);
  return line.dump() + "\n";
}

class CliBatch : public ProgramTest, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    const auto found = find_data(GetParam());
    if (!found) GTEST_SKIP() << "needs " << GetParam() << " (not in tests/data nor in ../shared/data)";
    model_ = shell_word(std::filesystem::absolute(*found).string());
  }
  std::string model_;
};

INSTANTIATE_TEST_SUITE_P(Models, CliBatch,
                         ::testing::Values("fixtures/llama", "fixtures/deepseek_v3",
                                           "models/tiny-llama-gguf/arch/deepseek3-mtp.gguf",
                                           "models/tiny-llama-gguf/quant/qwen3moe-mxfp4_moe.gguf"),
                         [](const auto& info) {
                           std::string name = std::filesystem::path(info.param).stem();
                           for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
                           return name;
                         });

TEST_P(CliBatch, AloneAndTogether) {
  const int lengths[] = {1, 3, 17, 63, 64, 65, 90, 2};
  std::vector<std::string> in;
  for (const int length : lengths)
    in.push_back(prompt_line(fmt::format("p{}", length), length, {{"max_tokens", 12}, {"ignore_eos", true}}));
  write("all.jsonl", fmt::format("{}", fmt::join(in, "")));
  for (const std::string mode : {"", "--exact"}) {
    const std::string command = "generate " + model_ + " -q --seed 7 --temperature 1 " + mode;
    const Ran all = r1(command + " --in all.jsonl");
    ASSERT_EQ(all.status, 0) << all.err;
    const std::vector<std::string> together = lines(all.out);
    ASSERT_EQ(together.size(), std::size(lengths));
    EXPECT_EQ(r1(command + " --in all.jsonl --parallel 3 --threads 1").out, all.out) << mode;
    for (const size_t i : {size_t{2}, size_t{5}}) {
      write("one.jsonl", in[i]);
      EXPECT_EQ(r1(command + " --in one.jsonl").out, together[i] + "\n") << mode;
    }
  }
}

TEST_P(CliBatch, LogProbabilitiesAreThoseOfScoreAndComeBackAsTheyWere) {
  write("in.jsonl", prompt_line("x", 20, {{"max_tokens", 30}, {"ignore_eos", true}, {"temperature", 1.3}}));
  const Ran made = r1("generate " + model_ + " -q --exact --in in.jsonl");
  ASSERT_EQ(made.status, 0) << made.err;
  const std::vector<std::string> logprobs = printed_numbers(made.out, "logprobs");
  ASSERT_EQ(logprobs.size(), 30u);
  for (const std::string& number : logprobs) {
    EXPECT_EQ(fmt::format("{:.9g}", std::stof(number)), number);
    EXPECT_LE(std::stof(number), 0);
  }
  std::vector<int> ids = parse_json(read("in.jsonl"), "in")["ids"];
  const Json answer = parse_json(made.out, "answer");
  for (const Json& id : answer["ids"]) ids.push_back(id);
  write("whole.jsonl", Json({{"id", "x"}, {"ids", ids}}).dump() + "\n");
  const Ran scored = r1("score " + model_ + " -q --exact --in whole.jsonl --out scored.jsonl");
  ASSERT_EQ(scored.status, 0) << scored.err;
  std::vector<std::string> of_score = printed_numbers(read("scored.jsonl"), "logprobs");
  ASSERT_EQ(of_score.size(), 50u);
  EXPECT_EQ(of_score[0], "null");
  of_score.erase(of_score.begin(), of_score.begin() + 20);
  EXPECT_EQ(of_score, logprobs);
}

TEST_P(CliBatch, ModelsAreShownAndVerified) {
  const Json shown = parse_json(r1("show " + model_ + " --json").out, "show");
  for (const char* key : {"architecture", "parameters", "active_parameters", "bytes_per_token", "memory"})
    EXPECT_TRUE(shown.contains(key)) << key << " in " << shown.dump(1);
  EXPECT_LE(shown.value("active_parameters", 0), shown.value("parameters", 0));
  const Ran verified = r1("verify " + model_ + " --json");
  EXPECT_EQ(verified.status, 0) << verified.out;
  EXPECT_EQ(parse_json(verified.out, "verify")["ok"], true);
}

TEST_P(CliBatch, ConvertedThereAndBackAnswersAlike) {
  const bool from_gguf = std::string_view(GetParam()).ends_with(".gguf");
  const std::string first = from_gguf ? "a" : "a.gguf", second = from_gguf ? "b.gguf" : "b";
  const Ran there = r1("convert " + model_ + " " + first + " --type f32 -q");
  ASSERT_EQ(there.status, 0) << there.err;
  const Ran back = r1("convert " + first + " " + second + " --type f32 -q");
  ASSERT_EQ(back.status, 0) << back.err;
  write("in.jsonl", prompt_line("x", 20, {{"max_tokens", 20}, {"ignore_eos", true}, {"temperature", 0}}) +
                        R"({"id":"y","prompt":"a b","max_tokens":9,"ignore_eos":true,"temperature":0})"
                        "\n");
  const auto ids = [&](const std::string& model) {
    const Ran ran = r1("generate " + model + " -q --exact --in in.jsonl");
    std::vector<Json> list;
    for (const std::string& line : lines(ran.out)) list.push_back(parse_json(line, "line")["ids"]);
    EXPECT_EQ(list.size(), 2u) << ran.err;
    return list;
  };
  const std::vector<Json> expected = ids(model_);
  EXPECT_EQ(ids(first), expected);
  EXPECT_EQ(ids(second), expected);
}

// ---- one model is enough ----

class CliFiles : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    const auto found = find_data("fixtures/llama");
    if (!found) GTEST_SKIP() << "needs fixtures/llama (not in tests/data nor in ../shared/data)";
    path_ = std::filesystem::absolute(*found).string();
    model_ = shell_word(path_);
  }

  std::string path_, model_;  // as it is, and for a shell
};

TEST_F(CliFiles, AKilledRunIsContinuedAsIfNothingHadBeen) {
  std::string in;
  for (int i = 1; i <= 24; ++i) in += prompt_line(fmt::format("p{}", i), i, {{"max_tokens", 90}, {"ignore_eos", true}});
  write("in.jsonl", in);
  ASSERT_EQ(r1("generate " + model_ + " -q --in in.jsonl --out whole.jsonl").status, 0);
  const std::string whole = read("whole.jsonl");
  ASSERT_EQ(lines(whole).size(), 24u);
  const std::vector<std::string> again = {"generate", path_,      "-q",    "--parallel", "2",
                                          "--in",     "in.jsonl", "--out", "part.jsonl"};
  ASSERT_TRUE(WIFSIGNALED(signal_after_lines(again, "part.jsonl", 3, SIGKILL))) << "it ended before it was killed";
  const std::string part = read("part.jsonl");
  ASSERT_GE(lines_in("part.jsonl"), 3);
  EXPECT_LT(part.size(), whole.size());
  EXPECT_EQ(whole.substr(0, part.size()), part);
  const Ran rest = r1("generate " + model_ + " -q --parallel 2 --in in.jsonl --out part.jsonl");
  ASSERT_EQ(rest.status, 0) << rest.err;
  EXPECT_EQ(read("part.jsonl"), whole);

  // In order of completion, the same lines in some order.
  const std::vector<std::string> unordered = {"generate", path_,  "-q",       "--unordered", "--parallel",
                                              "3",        "--in", "in.jsonl", "--out",       "u.jsonl"};
  ASSERT_TRUE(WIFSIGNALED(signal_after_lines(unordered, "u.jsonl", 4, SIGKILL))) << "it ended before it was killed";
  ASSERT_EQ(r1("generate " + model_ + " -q --unordered --parallel 3 --in in.jsonl --out u.jsonl").status, 0);
  std::vector<std::string> sorted = lines(read("u.jsonl")), expected = lines(whole);
  std::sort(sorted.begin(), sorted.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(sorted, expected);
}

TEST_F(CliFiles, ASignalledRunEndsByItselfAndLeavesWholeLines) {
  std::string in;
  for (int i = 1; i <= 64; ++i)
    in += prompt_line(fmt::format("p{}", i), i, {{"max_tokens", 400}, {"ignore_eos", true}});
  write("in.jsonl", in);
  for (const auto& [signal, status] : {std::pair(SIGINT, 130), std::pair(SIGTERM, 143)}) {
    const std::string out = fmt::format("{}.jsonl", signal);
    const int ended = signal_after_lines({"generate", path_, "-q", "--in", "in.jsonl", "--out", out}, out, 1, signal);
    ASSERT_TRUE(WIFEXITED(ended)) << "it was stopped by the signal instead of leaving: " << ended;
    EXPECT_EQ(WEXITSTATUS(ended), status);
    EXPECT_EQ(read("err.txt"), "");
    const std::string text = read(out);
    EXPECT_TRUE(text.ends_with("\n"));
    EXPECT_GE(lines_in(out), 1);
    EXPECT_LT(lines_in(out), 64) << "it ended before the signal came";
    for (const std::string& line : lines(text)) EXPECT_EQ(parse_json(line, "line")["ids"].size(), 400u);
  }
}

// Whatever else is wrong with the call, a file that the verb has not written keeps every byte.
TEST_F(CliFiles, AStrangersFileIsNotTouched) {
  write("prompts.jsonl", R"({"id":1,"ids":[1,2],"max_tokens":2})"
                         "\n");
  write("texts.jsonl", R"({"id":1,"ids":[1,2]})"
                       "\n");
  const std::string generate = "generate " + model_ + " --in prompts.jsonl --out ",
                    score = "score " + model_ + " --in texts.jsonl --out ",
                    tokenize = "tokenize " + model_ + " --in texts.jsonl --out ";
  for (const auto& [command, name] :
       {std::pair(generate, "answers"), std::pair(score, "scores"), std::pair(tokenize, "ids")})
    ASSERT_EQ(r1(command + name).status, 0);
  const struct {
    std::string command, file, said;
  } cases[] = {
      {generate, "my precious notes", "line 1: an unfinished line that begins otherwise than ours"},
      {"generate " + model_ + " --in nowhere.jsonl --out ", "my precious notes", "'r1 generate'"},
      {score, "my precious notes", "'r1 score'"},
      {tokenize, "my precious notes", "'r1 tokenize'"},
      {generate, read("answers") + "and a note", "line 2: an unfinished line"},
      {generate, read("prompts.jsonl"), "line 1: no field 'finish_reason'"},
      {generate, read("scores"), "line 1: no field 'finish_reason'"},
      {generate, read("ids"), "line 1: no field 'finish_reason'"},
      {score, read("answers"), "line 1: no field 'nll'"},
      {score, read("ids"), "line 1: no field 'nll'"},
      {tokenize, read("answers"), "line 1: no field 'pieces'"},
      {tokenize, read("texts.jsonl"), "line 1: no field 'pieces'"},
      {tokenize, "{\"no\":\"id\"}\n", "line 1: no object with an id"},
      {"tokenize " + model_ + " text --out ", read("ids"), "is there already"},
      {"tokenize " + model_ + " text --out ", "my precious notes", "is there already"},
  };
  for (const auto& c : cases) {
    write("file", c.file);
    const Ran ran = r1(c.command + "file");
    EXPECT_EQ(ran.status, 2) << c.command << c.file;
    EXPECT_EQ(ran.out, "") << c.command << c.file;
    EXPECT_THAT(ran.err, HasSubstr("r1: error: file")) << c.command << c.file;
    EXPECT_THAT(ran.err, HasSubstr(c.said)) << c.command << c.file;
    EXPECT_EQ(read("file"), c.file) << c.command;
  }
}

TEST_F(CliFiles, ATornLineGoesOnlyWhenTheInputIsRight) {
  write("in.jsonl", prompt_line("x", 3, {{"max_tokens", 2}}) + prompt_line("y", 3, {{"max_tokens", 2}}));
  ASSERT_EQ(r1("generate " + model_ + " --in in.jsonl --out whole.jsonl").status, 0);
  const std::string whole = read("whole.jsonl"), first = lines(whole)[0] + "\n";
  write("bad.jsonl", "{\"id\":1}\n");
  for (const std::string tail : {"{", "{\"id\":", "{\"id\":\"y\",\"ids\":[2", ""}) {
    write("part.jsonl", first + tail);
    EXPECT_EQ(r1("generate " + model_ + " --in bad.jsonl --out part.jsonl").status, 2);
    EXPECT_EQ(read("part.jsonl"), first + tail);
    EXPECT_EQ(r1("generate " + model_ + " --in in.jsonl --out part.jsonl").status, 0);
    EXPECT_EQ(read("part.jsonl"), whole);
    write("part.jsonl", whole + tail);  // nothing left to do but this
    EXPECT_EQ(r1("generate " + model_ + " --in in.jsonl --out part.jsonl").status, 0);
    EXPECT_EQ(read("part.jsonl"), whole);
  }
}

TEST_F(CliFiles, TheInputIsNotTheOutput) {
  const std::string in = R"({"id":1,"ids":[1,2]})"
                         "\n";
  write("a.jsonl", in);
  std::filesystem::create_hard_link(folder_ / "a.jsonl", folder_ / "hard.jsonl");
  std::filesystem::create_symlink("a.jsonl", folder_ / "soft.jsonl");
  for (const std::string verb : {"generate ", "score ", "tokenize "}) {
    for (const char* files :
         {"--in a.jsonl --out a.jsonl", "--in a.jsonl --out ./a.jsonl", "--in a.jsonl --out hard.jsonl",
          "--in soft.jsonl --out a.jsonl", "--out a.jsonl < a.jsonl", "--in a.jsonl >> a.jsonl"}) {
      const Ran ran = r1(verb + model_ + " " + files);
      EXPECT_EQ(ran.status, 2) << verb << files;
      EXPECT_THAT(ran.err, HasSubstr("--in and --out are the same file")) << verb << files;
      EXPECT_EQ(read("a.jsonl"), in) << verb << files;
    }
  }
  EXPECT_EQ(r1("tokenize " + model_ + " --in /dev/null --out /dev/null").status, 0);
}

TEST_F(CliFiles, TheSummaryIsOfThisInputAlone) {
  const std::string one = R"({"id":1,"ids":[1,2,3]})"
                          "\n",
                    two = R"({"id":2,"ids":[5,6,7,8]})"
                          "\n";
  write("one.jsonl", one);
  write("two.jsonl", two);
  write("both.jsonl", one + two);
  const auto summary = [&](const std::string& in, const std::string& out) {
    const Ran ran = r1("score " + model_ + " -q --json --in " + in + " --out " + out);
    EXPECT_EQ(ran.status, 0) << ran.err;
    return parse_json(ran.out, "summary");
  };
  const Json alone = summary("two.jsonl", "b.jsonl"), both = summary("both.jsonl", "c.jsonl");
  summary("one.jsonl", "a.jsonl");
  EXPECT_EQ(summary("two.jsonl", "a.jsonl"), alone);  // there are scores of another input
  EXPECT_EQ(summary("two.jsonl", "a.jsonl"), alone);  // and now of this one
  const Json continued = summary("both.jsonl", "a.jsonl");
  EXPECT_EQ(continued["documents"], 2);
  EXPECT_EQ(continued["tokens"], both["tokens"]);
  EXPECT_NEAR(continued["nll"].get<double>(), both["nll"].get<double>(), 1e-6);
}

TEST_F(CliFiles, ATextOfOneTokenHasNoPerplexity) {
  write("in.jsonl", "{\"id\":1,\"ids\":[1]}\n");
  const Ran ran = r1("score " + model_ + " -q --in in.jsonl --out out.jsonl");
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_EQ(ran.out, "1 document, 0 tokens scored: no perplexity, a sequence's first token has nothing before it\n");
  EXPECT_TRUE(parse_json(read("out.jsonl"), "line")["perplexity"].is_null());
}

TEST_F(CliFiles, AValueIsShownInWholeCharacters) {
  std::string key = "a";
  for (int i = 0; i < 40; ++i) key += "ä";
  for (const std::string& text : {key, key.substr(1)}) {
    write("in.jsonl", Json({{"id", 1}, {"ids", Json::array({text})}}).dump() + "\n");
    const Ran ran = r1("generate " + model_ + " --in in.jsonl");
    EXPECT_EQ(ran.status, 2);
    EXPECT_THAT(ran.err, HasSubstr("\xc3\xa4... at index 0")) << ran.err;
  }
}

TEST_F(CliFiles, TheEndTokenIsAmongTheIds) {
  std::string in;
  for (int i = 1; i <= 40; ++i) in += prompt_line(fmt::format("p{}", i), i, {{"max_tokens", 200}});
  write("in.jsonl", in);
  const std::string command = "generate " + model_ + " -q --temperature 3 --top-p 1 --seed 1 --in in.jsonl";
  int ended = 0, cut = 0;
  for (const std::string& text : lines(r1(command).out)) {
    const Json line = parse_json(text, "line");
    const std::vector<int> ids = line["ids"];
    const bool has_end = std::count(ids.begin(), ids.end(), 301) > 0;
    EXPECT_EQ(line["usage"]["completion_tokens"], ids.size());
    EXPECT_EQ(line["finish_reason"], has_end ? "stop" : "length");
    EXPECT_EQ(std::find(ids.begin(), ids.end(), 301), has_end ? ids.end() - 1 : ids.end());
    if (!has_end) {
      EXPECT_EQ(ids.size(), 200u);
    }
    (has_end ? ended : cut) += 1;
  }
  EXPECT_GT(ended, 0);
  EXPECT_EQ(ended + cut, 40);
}

TEST_F(CliFiles, AStopTextEndsTheAnswerBeforeIt) {
  const auto answer = [&](Json more) {
    more.update({{"max_tokens", 60}, {"ignore_eos", true}});
    write("in.jsonl", prompt_line("x", 5, more));
    return parse_json(r1("generate " + model_ + " -q --in in.jsonl").out, "answer");
  };
  // The model is random: a seed is looked for that gives three letters in a row, which then are the stop text.
  for (int seed = 0; seed < 40; ++seed) {
    const std::string text = answer({{"seed", seed}})["text"];
    size_t at = 1;
    const auto letters = [&] {
      return std::all_of(text.begin() + static_cast<std::ptrdiff_t>(at),
                         text.begin() + static_cast<std::ptrdiff_t>(at) + 3,
                         [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; });
    };
    while (at + 3 < text.size() && !letters()) ++at;
    if (at + 3 >= text.size()) continue;
    const std::string stop = text.substr(at, 3);
    const Json stopped = answer({{"seed", seed}, {"stop", Json::array({stop})}});
    EXPECT_EQ(stopped["text"], text.substr(0, text.find(stop)));
    EXPECT_EQ(stopped["finish_reason"], "stop");
    EXPECT_LT(stopped["ids"].size(), 60u);
    return;
  }
  FAIL() << "no seed gives three letters in a row";
}

TEST_F(CliFiles, AFullDiskIsTold) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "needs /dev/full";
  write("in.jsonl", R"({"id":1,"ids":[1,2],"max_tokens":3})"
                    "\n");
  write("texts.jsonl", R"({"id":1,"text":"a b c"})"
                       "\n");
  for (const std::string& arguments :
       {"generate " + model_ + " -q --in in.jsonl > /dev/full", "generate " + model_ + " --in in.jsonl --out /dev/full",
        "score " + model_ + " --in texts.jsonl --out /dev/full", "tokenize " + model_ + " --in texts.jsonl > /dev/full",
        "run " + model_ + " hi --max-tokens 3 --json > /dev/full",
        "run " + model_ + " hi --raw --max-tokens 3 > /dev/full", "show " + model_ + " > /dev/full",
        "convert " + model_ + " /dev/full --yes"}) {
    const Ran ran = r1(arguments);
    EXPECT_NE(ran.status, 0) << arguments;
    EXPECT_THAT(ran.err, HasSubstr("r1: error: ")) << arguments;
  }
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/full"));
}

TEST_F(CliFiles, DamagedModelsLeaveWithFourAndOneSentence) {
  ASSERT_EQ(r1("convert " + model_ + " m.gguf --type bf16 -q").status, 0);
  ASSERT_EQ(r1("convert " + model_ + " hub --type f32 -q").status, 0);
  const auto expect_bad = [&](const std::string& model, const std::string& named) {
    for (const std::string& arguments : {"run " + model + " hi --max-tokens 2", "show " + model,
                                         "generate " + model + " --in /dev/null", "convert " + model + " out.gguf"}) {
      const Ran ran = r1(arguments);
      EXPECT_EQ(ran.status, 4) << arguments << ran.err;
      EXPECT_EQ(ran.out, "") << arguments;
      EXPECT_THAT(ran.err, HasSubstr("r1: error: ")) << arguments;
      EXPECT_THAT(ran.err, HasSubstr(named)) << arguments;
      EXPECT_LE(lines(ran.err).size(), 2u) << ran.err;
      EXPECT_FALSE(std::filesystem::exists(folder_ / "out.gguf")) << arguments;
    }
    EXPECT_EQ(r1("verify " + model).status, 4) << model;
  };
  const std::string gguf = read("m.gguf");
  for (const size_t size : {size_t{0}, size_t{3}, size_t{30}, gguf.size() / 20, gguf.size() / 2, gguf.size() - 1}) {
    write("cut.gguf", gguf.substr(0, size));
    expect_bad("cut.gguf", "cut.gguf");
  }
  const std::string weights = read("hub/model.safetensors"), config = read("hub/config.json");
  write("hub/model.safetensors", weights.substr(0, weights.size() - 5));
  expect_bad("hub", "model.safetensors");
  write("hub/model.safetensors", weights);
  write("hub/config.json", config.substr(0, config.size() / 2));
  expect_bad("hub", "config.json");
}

}  // namespace
}  // namespace r1
