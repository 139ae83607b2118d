// What the issue promises of the program: what it prints, where, and with which exit code.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "base/file.h"
#include "base/json.h"
#include "test_data.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;

struct Outcome {
  int exit = -1;
  std::string out, err;
};

class CliContract : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "r1_cli_XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    const auto model = find_data("fixtures/llama");
    if (!model) GTEST_SKIP() << "needs fixtures/llama";
    model_ = model->string();
  }
  void TearDown() override { fs::remove_all(folder_); }

  // Runs "r1 ARGUMENTS" by the shell, with `input` as standard input.
  Outcome r1(const std::string& arguments, const std::string& input = "", const std::string& before = "") const {
    write_file(folder_ / "in", input);
    const std::string command =
        fmt::format("{} XDG_CONFIG_HOME={}/config {} {} < {}/in > {}/out 2> {}/err", before, folder_.string(),
                    R1_PROGRAM, arguments, folder_.string(), folder_.string(), folder_.string());
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128, read_file(folder_ / "out"), read_file(folder_ / "err")};
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  fs::path folder_;
  std::string model_;
};

constexpr const char* kPrompts =
    "{\"id\": 1, \"ids\": [1, 2, 3], \"max_tokens\": 9, \"temperature\": 0, \"ignore_eos\": true}\n"
    "{\"id\": \"b\", \"prompt\": \"hi\", \"max_tokens\": 7, \"seed\": 5, \"ignore_eos\": true}\n"
    "{\"id\": 3, \"ids\": [9, 8, 7, 6], \"max_tokens\": 30, \"seed\": 6}\n";

TEST_F(CliContract, HelpGoesToStandardOutput) {
  for (const char* verb :
       {"run", "generate", "score", "tokenize", "show", "verify", "convert", "config", "completion", "version"}) {
    const Outcome help = r1(std::string(verb) + " --help");
    EXPECT_EQ(help.exit, 0) << verb;
    EXPECT_NE(help.out.find(std::string("r1 ") + verb), std::string::npos) << verb;
    EXPECT_EQ(help.err, "") << verb;
  }
  EXPECT_EQ(r1("--version").out.rfind("r1 0.", 0), 0u);
}

TEST_F(CliContract, WrongUseIsExitTwoWithASuggestion) {
  const Outcome verb = r1("generat x");
  EXPECT_EQ(verb.exit, 2);
  EXPECT_NE(verb.err.find("did you mean 'generate'"), std::string::npos);
  EXPECT_EQ(verb.out, "");
  const Outcome option = r1("run " + model_ + " hi --temprature 1");
  EXPECT_EQ(option.exit, 2);
  EXPECT_NE(option.err.find("--temperature"), std::string::npos);
  EXPECT_EQ(r1("run " + model_ + " hi --top-p 7").exit, 2);
}

TEST_F(CliContract, MissingAndDamagedModels) {
  EXPECT_EQ(r1("run " + path("nowhere") + " hi").exit, 3);
  write_file(folder_ / "bad.gguf", "GGUF and nothing more");
  const Outcome bad = r1("show " + path("bad.gguf"));
  EXPECT_EQ(bad.exit, 4);
  EXPECT_NE(bad.err.find("bad.gguf"), std::string::npos);
  EXPECT_EQ(r1("verify " + path("bad.gguf")).exit, 4);
  EXPECT_EQ(r1("verify " + model_).exit, 0);
}

TEST_F(CliContract, RunAnswersOnceAndASeedReproduces) {
  const Outcome first = r1("run " + model_ + " hello --json --seed 3 --max-tokens 12");
  ASSERT_EQ(first.exit, 0) << first.err;
  const Json answer = parse_json(first.out, "answer");
  EXPECT_LE(answer.at("ids").size(), 12u);
  const Json again = parse_json(r1("run " + model_ + " --json --seed 3 --max-tokens 12", "hello\n").out, "again");
  EXPECT_EQ(answer.at("ids"), again.at("ids"));  // piped or on the command line
  const Json switched = parse_json(r1("run " + model_ + " hello --json --seed 4 --max-tokens 12").out, "other seed");
  EXPECT_NE(answer.at("ids"), switched.at("ids"));
}

TEST_F(CliContract, GenerateIsTheSameAloneTogetherAndContinued) {
  const std::string base = "generate " + model_ + " --in " + path("in") + " -q --out ";
  const Outcome whole = r1(base + path("whole"), kPrompts);
  ASSERT_EQ(whole.exit, 0) << whole.err;
  const std::string expected = read_file(folder_ / "whole");
  EXPECT_EQ(r1(base + path("alone") + " --parallel 1", kPrompts).exit, 0);
  EXPECT_EQ(read_file(folder_ / "alone"), expected);
  EXPECT_EQ(r1(base + "-", kPrompts).out, expected);
  // A run that was killed in the middle of its second line.
  write_file(folder_ / "torn", expected.substr(0, expected.find('\n') + 20));
  EXPECT_EQ(r1(base + path("torn"), kPrompts).exit, 0);
  EXPECT_EQ(read_file(folder_ / "torn"), expected);
}

TEST_F(CliContract, GenerateWritesWhatTheIssueNames) {
  const Outcome made = r1("generate " + model_ + " --in - --out - -q", kPrompts);
  const Json line = parse_json(made.out.substr(0, made.out.find('\n')), "line");
  EXPECT_EQ(line.at("id"), 1);
  EXPECT_EQ(line.at("ids").size(), 9u);
  EXPECT_EQ(line.at("logprobs").size(), 9u);
  EXPECT_EQ(line.at("finish_reason"), "length");
  EXPECT_EQ(line.at("usage").at("prompt_tokens"), 3);
  EXPECT_EQ(line.at("usage").at("completion_tokens"), 9);
  for (const char* key : {"text", "reasoning"}) EXPECT_TRUE(line.at(key).is_string());
  for (const Json& value : line.at("logprobs")) {  // printed so that the float comes back
    const float number = value.get<float>();
    char text[32];
    std::snprintf(text, sizeof text, "%.9g", static_cast<double>(number));
    EXPECT_NE(made.out.find(text), std::string::npos) << text;
  }
}

TEST_F(CliContract, BadLinesNameLineAndField) {
  const Outcome unknown =
      r1("generate " + model_ + " --in - --out -", "{\"id\": 1, \"ids\": [1]}\n{\"id\": 2, \"promt\": \"a\"}\n");
  EXPECT_EQ(unknown.exit, 2);
  EXPECT_NE(unknown.err.find("line 2"), std::string::npos) << unknown.err;
  EXPECT_NE(unknown.err.find("did you mean 'prompt'"), std::string::npos) << unknown.err;
  EXPECT_NE(r1("generate " + model_ + " --in - --out -", "{\"id\": 1, \"ids\": [1]}\n{\"id\": 1, \"ids\": [2]}\n").exit,
            0);
  EXPECT_NE(r1("generate " + model_ + " --in - --out -", "{\"id\": 1, \"ids\": [999999]}\n").exit, 0);
  EXPECT_NE(r1("generate " + model_ + " --in - --out -", "not json\n").exit, 0);
}

TEST_F(CliContract, AFullDiskIsAnError) {
  const Outcome full = r1("generate " + model_ + " --in - --out /dev/full -q", kPrompts);
  EXPECT_NE(full.exit, 0);
  EXPECT_NE(full.err.find("/dev/full"), std::string::npos);
}

TEST_F(CliContract, ScoreSpeaksOfEveryId) {
  const Outcome made =
      r1("score " + model_ + " --in - --out - --top 2 --exact -q", "{\"id\": 1, \"ids\": [1, 2, 3, 4]}\n");
  ASSERT_EQ(made.exit, 0) << made.err;
  const Json line = parse_json(made.out.substr(0, made.out.find('\n')), "line");
  EXPECT_TRUE(line.at("logprobs").at(0).is_null());
  EXPECT_TRUE(line.at("top").at(0).is_null());
  ASSERT_EQ(line.at("logprobs").size(), 4u);
  double nll = 0;
  for (size_t i = 1; i < 4; ++i) {
    nll -= line.at("logprobs").at(i).get<double>();
    EXPECT_EQ(line.at("top").at(i).size(), 2u);
    EXPECT_GE(line.at("top").at(i).at(0).at(1).get<double>(), line.at("top").at(i).at(1).at(1).get<double>());
  }
  EXPECT_NEAR(line.at("nll").get<double>(), nll, 1e-4);
  EXPECT_NEAR(line.at("perplexity").get<double>(), std::exp(nll / 3), 1e-2);
  const Outcome cut = r1("score " + model_ + " --in - --out - --chunk 2 -q", "{\"id\": 1, \"ids\": [1, 2, 3, 4]}\n");
  EXPECT_TRUE(parse_json(cut.out.substr(0, cut.out.find('\n')), "cut").at("logprobs").at(2).is_null());
}

TEST_F(CliContract, TokenizeNeedsAVocabularyOnly) {
  R1_DATA_OR_SKIP(vocabulary, "tokenizers/llama.cpp-vectors/ggml-vocab-gpt-2.gguf");
  const Outcome made = r1("tokenize " + vocabulary.string() + " --in - --out - -q",
                          "{\"id\": 1, \"text\": \"Hello world\"}\n{\"id\": 2, \"ids\": [15496]}\n");
  ASSERT_EQ(made.exit, 0) << made.err;
  EXPECT_EQ(parse_json(made.out.substr(0, made.out.find('\n')), "line").at("ids"), Json({15496, 995}));
  EXPECT_NE(made.out.find("\"text\":\"Hello\""), std::string::npos) << made.out;
}

TEST_F(CliContract, ConvertThereAndBackAnswersAlike) {
  const std::string ask = " --in " + path("in") + " --out - --exact -q";
  const Outcome before = r1("generate " + model_ + ask, kPrompts);
  EXPECT_EQ(r1("convert " + model_ + " " + path("m.gguf") + " --type f32 -q").exit, 0);
  EXPECT_EQ(r1("convert " + path("m.gguf") + " " + path("hub") + " --type f32 -q").exit, 0);
  EXPECT_EQ(r1("generate " + path("hub") + ask, kPrompts).out, before.out);
  EXPECT_NE(r1("convert " + model_ + " " + path("m.gguf") + " --type f32 -q").exit, 0);  // is there already
  EXPECT_EQ(r1("convert " + model_ + " " + path("m.gguf") + " --type f32 -q --yes").exit, 0);
}

TEST_F(CliContract, CommandLineBeatsEnvironmentBeatsFile) {
  fs::create_directories(folder_ / "config" / "r1");
  write_file(folder_ / "config" / "r1" / "config.toml", "seed = 1\n");
  const auto seed = [&](const std::string& flags, const std::string& environment) {
    const Outcome made = r1("run " + model_ + " hi --json --max-tokens 1 " + flags, "", environment);
    return made.exit == 0 ? parse_json(made.out, "answer").at("seed").get<int>() : -made.exit;
  };
  EXPECT_EQ(seed("", ""), 1);
  EXPECT_EQ(seed("", "R1_SEED=2"), 2);
  EXPECT_EQ(seed("--seed 3", "R1_SEED=2"), 3);
  write_file(folder_ / "config" / "r1" / "config.toml", "sede = 1\n");
  EXPECT_EQ(seed("", ""), -2);
}

TEST_F(CliContract, ShowTellsThePlan) {
  const Outcome shown = r1("show " + model_ + " --json");
  ASSERT_EQ(shown.exit, 0);
  EXPECT_NE(shown.out.find("\"architecture\""), std::string::npos);
  EXPECT_NE(r1("show " + model_).out.find("kernels"), std::string::npos);
  write_file(folder_ / "script", r1("completion bash").out);
  EXPECT_EQ(std::system(("bash -n " + path("script")).c_str()), 0);
}

}  // namespace
}  // namespace r1
