// The command line: help, exit statuses, suggestions, settings; and what `run` says of a model that cannot think, of a
// full context and of files in its way.
#include <gmock/gmock.h>

#include <map>

#include "base/json.h"
#include "cli/settings.h"
#include "cli/suggest.h"
#include "cli/verb.h"
#include "program.h"
#include "test_data.h"

namespace r1 {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Cli : public ProgramTest {};

TEST_F(Cli, EveryVerbExplainsItself) {
  for (const Verb& verb : verbs()) {
    const Ran ran = r1(verb.name + " --help");
    EXPECT_EQ(ran.status, 0) << verb.name;
    EXPECT_EQ(ran.err, "") << verb.name;
    EXPECT_THAT(ran.out, StartsWith("r1 " + verb.name + ": ")) << verb.name;
    EXPECT_THAT(ran.out, HasSubstr("usage: r1 " + verb.name)) << verb.name;
    EXPECT_GE(verb.examples.size(), 2u) << verb.name;
    for (const auto& example : verb.examples) EXPECT_THAT(ran.out, HasSubstr(example.command)) << verb.name;
    EXPECT_EQ(r1("help " + verb.name).out, ran.out) << verb.name;
    EXPECT_THAT(r1("--help").out, HasSubstr("\n  " + verb.name + " ")) << verb.name;
  }
  EXPECT_THAT(r1("run -h").out, HasSubstr("R1_MAX_TOKENS"));
}

TEST_F(Cli, UsageErrorsLeaveWithTwoAndSuggest) {
  const struct {
    const char *arguments, *said, *hint;
  } cases[] = {
      {"rnu", "r1: error: unknown verb 'rnu' (did you mean 'run'?)\n", "try 'r1 --help'"},
      {"run --temprature 1", "unknown option '--temprature' (did you mean '--temperature'?)", "try 'r1 run --help'"},
      {"run", "MODEL is missing", "hint: name a folder"},
      {"show", "MODEL is missing", "try 'r1 show --help'"},
      {"score model --seed", "unknown option '--seed'", "try 'r1 score --help'"},
      {"generate model --seed", "option --seed needs a value", "try 'r1 generate --help'"},
      {"run model --temperature warm", "--temperature: 'warm' is not a number", ""},
      {"run model --temperature -1", "--temperature: -1 is not between 0 and 100", ""},
      {"run model --color blue", "--color: 'blue' is not one of auto, always, never", ""},
      {"convert a b c", "unexpected argument 'c'", ""},
      {"convert a b --type q4_9", "(did you mean 'q4_0'?)", ""},
      {"help rum", "(did you mean 'run'?)", ""},
      {"completion bsh", "(did you mean 'bash'?)", ""},
  };
  for (const auto& c : cases) {
    const Ran ran = r1(c.arguments);
    EXPECT_EQ(ran.status, 2) << c.arguments;
    EXPECT_EQ(ran.out, "") << c.arguments;
    EXPECT_THAT(ran.err, StartsWith("r1: error: ")) << c.arguments;
    EXPECT_THAT(ran.err, HasSubstr(c.said)) << c.arguments;
    EXPECT_THAT(ran.err, HasSubstr(c.hint)) << c.arguments;
  }
}

TEST_F(Cli, BadModelsHaveTheirStatus) {
  EXPECT_EQ(r1("show nowhere.gguf").status, 3);
  EXPECT_EQ(r1("tokenize nowhere hello").status, 3);
  if (const auto model = find_data("fixtures/llama")) {
    const Ran ran = r1("run " + shell_word(model->string()) + " hi --chat-template nowhere.jinja");
    EXPECT_EQ(ran.status, 3);
    EXPECT_THAT(ran.err, AllOf(HasSubstr("'nowhere.jinja' is neither a file nor"), HasSubstr("hint: built in are ")));
  }
  write("torn.gguf", "GGUF\x03");
  const Ran torn = r1("show torn.gguf");
  EXPECT_EQ(torn.status, 4);
  EXPECT_THAT(torn.err, HasSubstr("torn.gguf"));
  EXPECT_EQ(r1("verify torn.gguf").status, 4);
}

TEST_F(Cli, AFullDiskIsNoSuccess) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "needs /dev/full";
  const Ran ran = r1("help run >/dev/full");
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.err, HasSubstr("No space left on device"));
}

TEST_F(Cli, AClosedPipeIsQuiet) {
  std::string text;
  while (text.size() < 100000) text += "far more than a pipe holds ";
  R1_DATA_OR_SKIP(model, "fixtures/llama");
  write("in.jsonl", Json({{"id", 1}, {"text", text}}).dump() + "\n");
  const std::string tokenize = "tokenize " + shell_word(model.string()) + " --in in.jsonl";
  ASSERT_GT(r1(tokenize).out.size(), size_t{1} << 16) << "a pipe would hold this";
  const Ran ran = r1(tokenize + " 2>said.txt; echo $? >status.txt; } | head -c 1", "{");
  EXPECT_EQ(ran.out, "{");
  EXPECT_EQ(read("said.txt"), "");
  EXPECT_EQ(read("status.txt"), "141\n");
}

TEST_F(Cli, NoColourUnlessAskedFor) {
  EXPECT_EQ(r1("help").out.find('\x1b'), std::string::npos);
  EXPECT_NE(r1("run --help --color always").out.find('\x1b'), std::string::npos);
  EXPECT_NE(r1("help", "CLICOLOR_FORCE=1").out.find('\x1b'), std::string::npos);
  EXPECT_EQ(r1("help", "CLICOLOR_FORCE=1 NO_COLOR=1").out.find('\x1b'), std::string::npos);
}

TEST_F(Cli, CompletionScriptsAreValid) {
  EXPECT_EQ(r1("completion bash | bash -n").status, 0);
  EXPECT_THAT(r1("completion bash").out, HasSubstr("--max-tokens"));
  EXPECT_THAT(r1("completion zsh").out, StartsWith("#compdef r1"));
  EXPECT_THAT(r1("completion fish").out, HasSubstr("complete -c r1"));
}

TEST_F(Cli, BashCompletesNamesWithSpaces) {
  write("a model.gguf", "");
  const Ran ran =
      r1("completion bash >r1.bash && bash -c '. ./r1.bash; COMP_WORDS=(r1 show a); COMP_CWORD=2; _r1; "
         "printf \"<%s>\" \"${COMPREPLY[@]}\"'");
  EXPECT_EQ(ran.out, "<a model.gguf>") << ran.err;
}

TEST_F(Cli, EveryVerbHasAManualPage) {
  const std::string all = r1("help --man").out;
  EXPECT_THAT(all, StartsWith(".TH R1 1 "));
  for (const Verb& verb : verbs()) {
    const Ran ran = r1("help --man " + verb.name);
    EXPECT_EQ(ran.status, 0) << verb.name;
    EXPECT_THAT(ran.out, HasSubstr("\nr1\\-" + verb.name + " \\- ")) << verb.name;
    EXPECT_THAT(all, HasSubstr("\n.BR r1\\-" + verb.name + " (1)")) << verb.name;
    for (const std::string& line : lines(ran.out)) {
      if (!line.starts_with('.')) continue;
      EXPECT_THAT(line, ContainsRegex("^\\.(TH|SH|SS|TP|B|BR|PP|RS|RE|nf|fi)( |$)"));
    }
  }
  EXPECT_THAT(r1("help --man run").out, HasSubstr("\n.B \\-n, \\-\\-max\\-tokens N\n"));
}

TEST_F(Cli, HelpSurvivesWrongSettings) {
  write("config/r1/config.toml", "threads = \n");
  for (const char* arguments : {"help", "help run", "version", "completion bash", "run --help"})
    EXPECT_EQ(r1(arguments).status, 0) << arguments;
  EXPECT_THAT(r1("version").err, AllOf(StartsWith("r1: warning: "), HasSubstr("config.toml line 1")));
  EXPECT_EQ(r1("version --quiet").err, "");
  EXPECT_EQ(r1("config show").status, 2);
}

// ---- run: a model without think tokens, another with ----

class CliRun : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    const auto plain = find_data("models/tiny-llama-gguf/arch/qwen2.gguf"), thinker = find_data("fixtures/llama");
    if (!plain || !thinker) GTEST_SKIP() << "needs models/tiny-llama-gguf and fixtures/llama in the test data";
    plain_ = "'" + plain->string() + "'";
    thinker_ = "'" + thinker->string() + "'";
  }

  // What a chat on a terminal shows; `typed` is there before it begins. On a dumb terminal, so without line editing.
  std::string chat(const std::string& model, const std::string& typed, const std::string& options = "") const {
    write("typed.txt", typed + "/quit\n");
    return r1("run " + model + " " + options + "\" /dev/null", "cat typed.txt | script -qec \"").out;
  }

  std::string plain_, thinker_;
};

TEST_F(CliRun, AModelWithoutThinkTokensIsNotMadeToThink) {
  const std::string template_option = "-n 2 --chat-template chatml";
  const Ran on = r1("run " + plain_ + " hi --think on " + template_option);
  EXPECT_EQ(on.status, 2);
  EXPECT_THAT(on.err, HasSubstr("has no think tokens"));
  EXPECT_EQ(r1("run " + plain_ + " hi --think off " + template_option).status, 0);
  const std::string seen = chat(plain_, "/think on\nhi\n/think off\nhi\n/think auto\n /think\n", template_option);
  EXPECT_THAT(seen, HasSubstr("has no think tokens"));
  EXPECT_THAT(seen, HasSubstr("answer 2 tokens"));
  EXPECT_THAT(seen, HasSubstr("thinking: off"));
  EXPECT_THAT(seen, HasSubstr("thinking: as the model's template has it"));
}

TEST_F(CliRun, TheThoughtIsDimOrTagged) {
  const std::string question = "run " + thinker_ + " hi --think on -n 6 --seed 3";
  const Ran plain = r1(question), dim = r1(question + " --color always");
  EXPECT_THAT(plain.err, AllOf(StartsWith("<think>\n"), HasSubstr("</think>")));
  EXPECT_THAT(dim.err, AllOf(StartsWith("\x1b[2m"), Not(HasSubstr("think>"))));
  EXPECT_EQ(dim.out, plain.out);
}

TEST_F(CliRun, TheEndOfAnAnswerIsExplained) {
  EXPECT_THAT(r1("run " + thinker_ + " hi -n 2").err, HasSubstr("cut off: --max-tokens 2 is reached"));
  EXPECT_THAT(r1("run " + thinker_ + " hi --context 10").err, HasSubstr("cut off: the context of 10 tokens is full"));
  const Ran full = r1("run " + thinker_ + " hi --context 3");
  EXPECT_EQ(full.status, 2);
  EXPECT_THAT(full.err, AllOf(HasSubstr("the context holds 3"), HasSubstr("hint: shorten it")));
  EXPECT_THAT(chat(thinker_, "hi\nagain\n", "--context 12"),
              AllOf(HasSubstr("and the context holds 12"), HasSubstr("hint: /reset forgets")));
}

TEST_F(CliRun, SaveOverwritesConversationsOnly) {
  write("notes.txt", "precious\n");
  const std::string seen = chat(thinker_, "/save ~/chat.json\n/save chat.json\n/save notes.txt\nn\n", "-n 2");
  EXPECT_THAT(seen, HasSubstr("saved 0 messages to chat.json"));
  EXPECT_THAT(seen, AllOf(HasSubstr("notes.txt is there and is not a saved conversation"), HasSubstr("not saved")));
  EXPECT_EQ(read("notes.txt"), "precious\n");
  EXPECT_THAT(read("chat.json"), HasSubstr("\"messages\""));
  chat(thinker_, "/save notes.txt\ny\n");
  EXPECT_THAT(read("notes.txt"), HasSubstr("\"messages\""));
}

// ---- settings ----

class CliSettings : public ProgramTest {
 protected:
  // Value and origin of an option of `run`.
  std::pair<std::string, std::string> setting(const std::string& option, const std::string& arguments = "",
                                              const std::string& before = "") {
    const Ran ran = r1("config show run --json " + arguments, before);
    if (ran.status != 0) return {ran.err, ""};
    const Json shown = parse_json(ran.out, "config show");
    return {shown["run"][option]["value"], shown["run"][option]["origin"]};
  }
};

TEST_F(CliSettings, TheStrongerPlaceWins) {
  EXPECT_EQ(setting("threads").second, "default");
  write("config/r1/config.toml", "threads = 3\n[run]\ntop-k = 7\n");
  EXPECT_EQ(setting("threads"), std::pair(std::string("3"), (folder_ / "config/r1/config.toml").string()));
  write("config/r1/config.toml", "threads = 3\n[run]\nthreads = 4\n");
  EXPECT_EQ(setting("threads").first, "4");
  write("other.toml", "threads = 5\n");
  EXPECT_EQ(setting("threads", "--config other.toml"), std::pair(std::string("5"), std::string("other.toml")));
  EXPECT_EQ(setting("threads", "--config other.toml", "R1_THREADS=6"),
            std::pair(std::string("6"), std::string("R1_THREADS")));
  EXPECT_EQ(setting("threads", "", "R1_THREADS=6 R1_RUN_THREADS=7"),
            std::pair(std::string("7"), std::string("R1_RUN_THREADS")));
  EXPECT_EQ(setting("threads", "", "R1_CONFIG=other.toml").first, "5");
  EXPECT_EQ(setting("exact", "", "R1_EXACT=on").first, "on");
  write("other.toml", "[run]\nstop = ['a', 'b']\n");
  EXPECT_THAT(r1("config show run --origin --config other.toml").out, HasSubstr("stop = [\"a\", \"b\"]"));
}

// What `config show` prints is read back as what it was, whatever it looks like.
TEST_F(CliSettings, WhatIsShownCanBeRead) {
  write("in.toml",
        "system = '1.2.3'\nthink = 'true'\nstop = ['007', \"\\u007f\\n\"]\ntop-p = 0.5\nexact = true\nthreads = 2\n");
  const std::string before = "R1_SEED=18446744073709551615 R1_TEMPERATURE=.5 R1_TOP_K=007";
  const auto shown = [&](const std::string& file, const std::string& set) {
    const Ran ran = r1("config show run --json --config " + file, set);
    EXPECT_EQ(ran.status, 0) << ran.err << read(file);
    const Json entries = parse_json(ran.out, "config show")["run"];
    std::map<std::string, Json> values;
    for (const auto& [name, entry] : entries.items()) values[name] = entry["value"];
    return values;
  };
  const auto expected = shown("in.toml", before);
  EXPECT_EQ(expected.at("system"), "1.2.3");
  EXPECT_EQ(expected.at("top-k"), "007");
  write("out.toml", r1("config show run --config in.toml", before).out);
  EXPECT_EQ(shown("out.toml", ""), expected) << read("out.toml");
  EXPECT_THAT(read("out.toml"),
              AllOf(HasSubstr("\ntop-p = 0.5\n"), HasSubstr("\nexact = true\n"), HasSubstr("\nthreads = 2\n")));
  write("origin.toml", r1("config show run --origin --config in.toml", before).out);
  EXPECT_EQ(shown("origin.toml", ""), expected) << read("origin.toml");
}

TEST_F(CliSettings, ConfigAloneIsExplained) {
  const Ran ran = r1("config");
  EXPECT_EQ(ran.status, 2);
  EXPECT_THAT(ran.err, HasSubstr("'r1 config show' prints the settings"));
}

TEST_F(CliSettings, WrongSettingsAreErrors) {
  const struct {
    const char *text, *said;
  } cases[] = {
      {"[run]\ntemprature = 1\n", "line 2: unknown key 'temprature' in [run] (did you mean 'temperature'?)"},
      {"thread = 1\n", "line 1: unknown key 'thread' (did you mean 'threads'?)"},
      {"[rum]\nthreads = 1\n", "unknown table [rum] (did you mean 'run'?)"},
      {"threads = 'many'\n", "'many' is not a whole number"},
      {"threads = \n", "line 1"},
      {"[run]\nquestion = {a = 1}\n", "unknown key 'question'"},
  };
  for (const auto& c : cases) {
    write("bad.toml", c.text);
    const Ran ran = r1("config show run --config bad.toml");
    EXPECT_EQ(ran.status, 2) << c.text;
    EXPECT_THAT(ran.err, HasSubstr(c.said)) << c.text;
    EXPECT_THAT(ran.err, HasSubstr("bad.toml")) << c.text;
  }
  EXPECT_EQ(r1("config show --config nowhere.toml").status, 3);
  EXPECT_EQ(r1("config show run", "R1_SEED=x").status, 2);
}

TEST(Suggest, NearestOnlyWhereNear) {
  EXPECT_EQ(nearest("temprature", {"temperature", "top-p"}), "temperature");
  EXPECT_EQ(nearest("xyz", {"temperature", "top-p"}), "");
  EXPECT_EQ(nearest("max", {"max-tokens", "min-p"}), "max-tokens");
  EXPECT_EQ(edit_distance("rnu", "run"), 1);
  EXPECT_EQ(edit_distance("", "abc"), 3);
}

}  // namespace
}  // namespace r1
