// r1 convert as a person meets it: what it refuses to read, what it refuses to replace, and what it leaves alone.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "formats/gguf.h"
#include "formats/gguf_writer.h"
#include "formats/safetensors_writer.h"
#include "formats/weight_source.h"
#include "program.h"
#include "test_data.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class CliConvert : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    const auto found = find_data("fixtures/qwen3");
    if (!found) GTEST_SKIP() << "needs fixtures/qwen3 (not in tests/data nor in ../shared/data)";
    fs::copy(*found, folder_ / "model");
  }
};

// The folder opens, every header is right, and still it is no model.
TEST_F(CliConvert, WeightsMustBeThoseOfTheConfig) {
  {
    const std::vector<SafetensorsPlan> tensors = {{"model.norm.weight", DType::F32, {3}}};
    SafetensorsWriter writer(folder_ / "model" / "model.safetensors", tensors);
    writer.write(std::vector<std::byte>(12));
    writer.commit();
  }
  for (const char* out : {"out.gguf", "out"}) {
    const Ran ran = r1(fmt::format("convert model {}", out));
    EXPECT_EQ(ran.status, 4) << ran.err;
    EXPECT_THAT(ran.err, HasSubstr("tensor 'model.embed_tokens.weight' is missing"));
    EXPECT_EQ(kind_of(folder_ / out), FileKind::Nothing);
  }
  EXPECT_EQ(r1("convert model out.gguf --weights-only").status, 0);
  Json config = parse_json(read("model/config.json"), "config.json");
  config["hidden_act"] = "relu";
  write("model/config.json", config.dump());
  const Ran odd = r1("convert model other.gguf --weights-only");
  EXPECT_EQ(odd.status, 4);
  EXPECT_THAT(odd.err, HasSubstr("hidden_act"));
}

TEST_F(CliConvert, NeighboursAreLeftAlone) {
  ASSERT_EQ(r1("convert model out -q").status, 0);
  write("out.new/mine", "precious");
  write("out/more", "old");
  EXPECT_EQ(r1("convert model out -q").status, 1);
  EXPECT_EQ(read("out/more"), "old");
  EXPECT_EQ(r1("convert model out -q --yes").status, 0);
  EXPECT_EQ(read("out.new/mine"), "precious");
  EXPECT_EQ(kind_of(folder_ / "out/more"), FileKind::Nothing);
  size_t left = 0;
  for (const auto& entry : fs::directory_iterator(folder_))
    left += entry.path().filename().string().find(".tmp-") != std::string::npos;
  EXPECT_EQ(left, 0u);
}

TEST_F(CliConvert, TheSourceIsNeverReplaced) {
  ASSERT_EQ(r1("convert model model/inner.gguf -q").status, 0);
  EXPECT_EQ(r1("convert model model --yes").status, 2);
  const Ran inner = r1("convert model/inner.gguf model --yes");
  EXPECT_EQ(inner.status, 2);
  EXPECT_THAT(inner.err, HasSubstr("holds the source"));
  EXPECT_EQ(r1("convert model model/model.safetensors --yes").status, 2);
  EXPECT_EQ(r1("verify model --quick").status, 0);
}

TEST_F(CliConvert, OnlyLikeReplacesLike) {
  ASSERT_EQ(r1("convert model out -q").status, 0);
  fs::rename(folder_ / "out", folder_ / "out.gguf");
  const Ran ran = r1("convert model out.gguf --yes");
  EXPECT_EQ(ran.status, 2);
  EXPECT_THAT(ran.err, HasSubstr("is a folder"));
  write("file", "old");
  EXPECT_EQ(r1("convert model file -q").status, 1);
  EXPECT_EQ(read("file"), "old");
  EXPECT_EQ(r1("convert model file -q --yes").status, 0);
  EXPECT_EQ(r1("verify file --quick").status, 0);
}

TEST_F(CliConvert, PathsThatCannotBeWalkedAreOneSentence) {
  fs::create_symlink("circle", folder_ / "circle");
  for (const char* arguments : {"convert model circle", "convert circle out"}) {
    const Ran ran = r1(arguments);
    EXPECT_EQ(ran.status, 3) << ran.err;
    EXPECT_THAT(ran.err, HasSubstr("circle: cannot be opened: Too many levels of symbolic links"));
  }
}

// The same file with its template spoilt: the bytes are of the same number.
TEST_F(CliConvert, ATemplateIsText) {
  Json config = parse_json(read("model/tokenizer_config.json"), "tokenizer_config.json");
  config["chat_template"] = "SPOILTBELOW {{ messages }}";
  write("model/tokenizer_config.json", config.dump());
  fs::remove(folder_ / "model/chat_template.jinja");
  ASSERT_EQ(r1("convert model m.gguf -q").status, 0);
  std::string bytes = read("m.gguf");
  bytes.replace(bytes.find("SPOILTBELOW"), 2, "\xFF\xFE");
  write("m.gguf", bytes);
  const Ran ran = r1("convert m.gguf out");
  EXPECT_EQ(ran.status, 4);
  EXPECT_EQ(ran.err, "r1: error: m.gguf: tokenizer.chat_template is not UTF-8\n");
}

}  // namespace
}  // namespace r1
