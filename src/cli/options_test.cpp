#include "cli/options.h"

#include <gtest/gtest.h>

namespace r1 {
namespace {

// A verb with one option of every kind.
struct Sample {
  std::string model, name = "usual";
  std::vector<std::string> rest, stop;
  int count = 3, verbose = 0;
  std::optional<float> heat;
  std::optional<uint64_t> seed;
  bool exact = false, bos = true, help = false;
  Options options{"sample"};

  Sample() {
    options.positional(model, "MODEL", "");
    options.positionals(rest, "[REST...]", "");
    options.add("n,name", name, "NAME", "").one_of({"usual", "other", "-x"});
    options.add("count", count, "N", "").range(1, 9);
    options.add("heat", heat, "T", "").range(0, 1);
    options.add("seed", seed, "N", "");
    options.add_list("stop", stop, "TEXT", "");
    options.add_switch("exact", exact, "");
    options.add_switch("bos", bos, "");
    options.add_count("v,verbose", verbose, "");
  }

  std::string parse(const std::vector<std::string>& arguments, const Options::Weaker& weaker = {}) {
    try {
      options.parse(arguments, weaker, &help);
    } catch (const Error& error) {
      EXPECT_EQ(error.exit(), Exit::kUsage);
      return error.what();
    }
    return "";
  }
};

TEST(Options, EveryKindIsRead) {
  Sample s;
  ASSERT_EQ(s.parse({"m", "-n", "other", "--count=4", "--heat", "0.5", "--seed", "18446744073709551615", "--stop",
                     "[a,b]", "--stop", "", "--exact", "--no-bos", "-vv", "--", "--rest", "-"}),
            "");
  EXPECT_EQ(s.model, "m");
  EXPECT_EQ(s.rest, (std::vector<std::string>{"--rest", "-"}));
  EXPECT_EQ(s.name, "other");
  EXPECT_EQ(s.count, 4);
  EXPECT_EQ(s.heat, 0.5f);
  EXPECT_EQ(s.seed, UINT64_MAX);
  EXPECT_EQ(s.stop, (std::vector<std::string>{"[a,b]", ""}));
  EXPECT_TRUE(s.exact);
  EXPECT_FALSE(s.bos);
  EXPECT_EQ(s.verbose, 2);
  EXPECT_EQ(s.options.find("count")->origin, "command line");
  EXPECT_EQ(s.options.find("nothing"), nullptr);
}

TEST(Options, WhatNobodyChoseStays) {
  Sample s;
  ASSERT_EQ(s.parse({"m"}), "");
  EXPECT_EQ(s.name, "usual");
  EXPECT_EQ(s.heat, std::nullopt);
  EXPECT_TRUE(s.rest.empty());
  EXPECT_FALSE(s.options.find("name")->chosen());
  EXPECT_EQ(s.options.find("name")->default_text, "usual");
  EXPECT_EQ(s.options.find("bos")->default_text, "true");
}

TEST(Options, TheLastOfSeveralCounts) {
  Sample s;
  ASSERT_EQ(s.parse({"m", "--count", "4", "--count", "5", "--exact", "--no-exact"}), "");
  EXPECT_EQ(s.count, 5);
  EXPECT_FALSE(s.exact);
}

TEST(Options, TheCommandLineIsStronger) {
  Sample s;
  const auto weaker = [](Options& options) {
    EXPECT_TRUE(options.find("count")->chosen());
    options.choose(*options.find("heat"), {"1"}, "R1_HEAT");
  };
  ASSERT_EQ(s.parse({"m", "--count", "4"}, weaker), "");
  EXPECT_EQ(s.heat, 1.0f);
  EXPECT_EQ(s.options.find("heat")->origin, "R1_HEAT");
}

TEST(Options, WrongUseIsSaid) {
  const struct {
    std::vector<std::string> arguments;
    const char* said;
  } cases[] = {
      {{}, "MODEL is missing"},
      {{"m", "--contu", "4"}, "unknown option '--contu' (did you mean '--count'?)"},
      {{"m", "--count"}, "option --count needs a value"},
      {{"m", "--count", "x"}, "--count: 'x' is not a whole number"},
      {{"m", "--count", "4.5"}, "--count: '4.5' is not a whole number"},
      {{"m", "--count", "0"}, "--count: 0 is not between 1 and 9"},
      {{"m", "--count", "99999999999"}, "--count: "},
      {{"m", "--heat", "nan"}, "--heat: "},
      {{"m", "--heat", "2"}, "--heat: 2 is not between 0 and 1"},
      {{"m", "--seed", "-1"}, "--seed: '-1' is not a whole number from 0 on"},
      {{"m", "--seed", "18446744073709551616"}, "--seed: '18446744073709551616' is out of range"},
      {{"m", "--name", "othr"}, "--name: 'othr' is not one of usual, other, -x (did you mean 'other'?)"},
  };
  for (const auto& c : cases) {
    Sample s;
    const std::string said = s.parse(c.arguments);
    EXPECT_NE(said.find(c.said), std::string::npos) << said << " instead of " << c.said;
  }
}

TEST(Options, WhoAsksForHelpIsTold) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--help"}, {"-h", "--count", "x"}, {"m", "--unknown", "-h"}}) {
    Sample s;
    EXPECT_EQ(s.parse(arguments), "");
    EXPECT_TRUE(s.help);
  }
}

TEST(Options, SwitchesAreWords) {
  for (const char* yes : {"1", "true", "On"}) {
    Sample s;
    s.options.choose(*s.options.find("exact"), {yes}, "R1_EXACT");
    EXPECT_TRUE(s.exact) << yes;
  }
  Sample s;
  EXPECT_THROW(s.options.choose(*s.options.find("exact"), {"perhaps"}, "R1_EXACT"), Error);
  EXPECT_THROW(s.options.choose(*s.options.find("exact"), {""}, "R1_EXACT"), Error);
}

}  // namespace
}  // namespace r1
