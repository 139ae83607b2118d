// The rules of the container one by one (formats.md 2.2): each broken file with the sentence it earns. Metadata, split
// files.
#include "formats/gguf.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "folder_test.h"
#include "formats/gguf_writer.h"
#include "formats/weight_source.h"
#include "test_data.h"

namespace r1 {
namespace {

// Bytes of a file, put together by hand.
class Bytes {
 public:
  template <typename T>
  Bytes& put(T value) {
    const auto* at = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), at, at + sizeof value);
    return *this;
  }
  Bytes& text(std::string_view text) {
    put<uint64_t>(text.size());
    return raw(text);
  }
  Bytes& raw(std::string_view text) {
    const auto* at = reinterpret_cast<const std::byte*>(text.data());
    bytes_.insert(bytes_.end(), at, at + text.size());
    return *this;
  }
  Bytes& start(uint64_t tensors, uint64_t pairs, uint32_t version = 3) {
    return raw("GGUF").put<uint32_t>(version).put<uint64_t>(tensors).put<uint64_t>(pairs);
  }
  Bytes& key(std::string_view key, uint32_t type) { return text(key).put<uint32_t>(type); }
  Bytes& tensor(std::string_view name, std::vector<uint64_t> extents, uint32_t type, uint64_t offset) {
    text(name).put<uint32_t>(static_cast<uint32_t>(extents.size()));
    for (const uint64_t extent : extents) put<uint64_t>(extent);
    return put<uint32_t>(type).put<uint64_t>(offset);
  }
  Bytes& align(size_t alignment = 32) {
    bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment);
    return *this;
  }
  Bytes& zeros(size_t count) {
    bytes_.resize(bytes_.size() + count);
    return *this;
  }
  const std::vector<std::byte>& get() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

std::string refusal(const Bytes& bytes) {
  try {
    GgufHeader header(bytes.get(), "model.gguf");
  } catch (const Error& error) {
    EXPECT_EQ(error.exit(), Exit::kBadModel);
    EXPECT_TRUE(std::string(error.what()).starts_with("model.gguf: ")) << error.what();
    return error.what();
  }
  return "";
}

void expect_refused(const Bytes& bytes, std::string_view because) {
  const std::string sentence = refusal(bytes);
  EXPECT_NE(sentence.find(because), std::string::npos) << "'" << sentence << "', expected '" << because << "'";
}

// The example of formats.md 2.3, byte for byte.
Bytes example() {
  Bytes bytes;
  bytes.start(1, 2);
  bytes.key("general.architecture", 8).text("llama");
  bytes.key("general.alignment", 4).put<uint32_t>(32);
  bytes.tensor("t", {4, 2}, 0, 0);
  EXPECT_EQ(bytes.get().size(), 143u);
  bytes.align();
  EXPECT_EQ(bytes.get().size(), 160u);
  for (int i = 0; i < 8; ++i) bytes.put<float>(static_cast<float>(i));
  return bytes;
}

TEST(Gguf, ReadsTheExample) {
  const Bytes bytes = example();
  const std::string file = "x";
  const GgufHeader header(bytes.get(), file);
  EXPECT_EQ(header.version, 3u);
  EXPECT_EQ(header.metadata.required_string("general.architecture"), "llama");
  ASSERT_EQ(header.tensors.size(), 1u);
  const Tensor t = header.tensors[0].values();
  EXPECT_EQ(t.shape_text(), "[2, 4]");
  EXPECT_EQ(t.f32(1)[3], 7.0f);
}

TEST(Gguf, EveryPrefixOfTheExampleIsRefused) {
  const auto whole = example().get();
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::vector<std::byte> prefix(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    EXPECT_THROW(GgufHeader(prefix, "x"), Error) << size;
  }
}

TEST(Gguf, BadPreambles) {
  expect_refused(Bytes().raw("GGML").put<uint32_t>(3), "does not begin with 'GGUF'");
  expect_refused(Bytes().raw("GG"), "does not begin with 'GGUF'");
  expect_refused(Bytes().start(0, 0, 1), "version 1; r1 reads versions 2 and 3");
  expect_refused(Bytes().start(0, 0, 4), "version 4");
  expect_refused(Bytes().start(0, 0, 0x03000000), "big-endian");
  expect_refused(Bytes().start(UINT64_MAX, 0), "claims 18446744073709551615 tensors");
  expect_refused(Bytes().start(0, UINT64_MAX), "claims 18446744073709551615 metadata pairs");
  expect_refused(Bytes().start(2, 0).zeros(47), "claims 2 tensors");
  expect_refused(Bytes().start(0, 2).zeros(25), "claims 2 metadata pairs");
  EXPECT_EQ(refusal(Bytes().start(0, 0, 2)), "");
}

TEST(Gguf, BadMetadata) {
  expect_refused(Bytes().start(0, 1).key("", 4).put<uint32_t>(1), "empty metadata key");
  expect_refused(Bytes().start(0, 2).key("a", 4).put<uint32_t>(1).key("a", 4).put<uint32_t>(2), "key 'a' twice");
  expect_refused(Bytes().start(0, 1).key("a", 13).put<uint64_t>(1), "unknown value type 13");
  expect_refused(Bytes().start(0, 1).key("a", 9).put<uint32_t>(99).put<uint64_t>(1), "unknown value type 99");
  expect_refused(Bytes().start(0, 1).key("a", 9).put<uint32_t>(9).put<uint64_t>(1), "array of arrays");
  expect_refused(Bytes().start(0, 1).key("a", 9).put<uint32_t>(4).put<uint64_t>(UINT64_MAX),
                 "claims 18446744073709551615 values");
  expect_refused(Bytes().start(0, 1).key("a", 9).put<uint32_t>(10).put<uint64_t>(uint64_t{1} << 61),
                 "values of type u64");
  expect_refused(Bytes().start(0, 1).key("a", 9).put<uint32_t>(8).put<uint64_t>(UINT64_MAX / 8), "strings");
  expect_refused(Bytes().start(0, 1).key("a", 8).put<uint64_t>(UINT64_MAX), "claims 18446744073709551615 bytes");
  expect_refused(Bytes().start(0, 1).put<uint64_t>(uint64_t{1} << 40).zeros(16), "claims 1099511627776 bytes");
  expect_refused(Bytes().start(0, 1).key("a", 7).put<uint8_t>(2), "bool 2");
  expect_refused(Bytes().start(0, 1).key("abcdef", 12).zeros(3), "claims 1 values of type f64, and 3 bytes are left");
  expect_refused(Bytes().start(0, 1).key("general.alignment", 4).put<uint32_t>(24), "'general.alignment' is 24");
  expect_refused(Bytes().start(0, 1).key("general.alignment", 4).put<uint32_t>(0), "'general.alignment' is 0");
  expect_refused(Bytes().start(0, 1).key("general.alignment", 8).text("32"),
                 "'general.alignment' is string, expected an integer");
}

TEST(Gguf, BadTensorInfos) {
  const auto with = [](std::string_view name, std::vector<uint64_t> extents, uint32_t type, uint64_t offset,
                       size_t data = 64) {
    return Bytes().start(1, 0).tensor(name, std::move(extents), type, offset).align().zeros(data);
  };
  EXPECT_EQ(refusal(with("t", {4}, 0, 0)), "");
  EXPECT_EQ(refusal(with("t", {}, 0, 0)), "");  // no extents: one number
  expect_refused(with("", {4}, 0, 0), "tensor name '' has 0 bytes");
  expect_refused(with(std::string(64, 'x'), {4}, 0, 0), "has 64 bytes, expected 1 to 63");
  EXPECT_EQ(refusal(with(std::string(63, 'x'), {4}, 0, 0)), "");
  expect_refused(with("t", {1, 1, 1, 1, 1}, 0, 0), "has 5 extents");
  expect_refused(with("t", {0}, 0, 0), "an extent of 0");
  expect_refused(with("t", {uint64_t(-4)}, 0, 0), "an extent of -4");
  expect_refused(with("t", {uint64_t{1} << 32, uint64_t{1} << 31}, 0, 0), "more elements than 2^63");
  expect_refused(with("t", {uint64_t{1} << 62}, 0, 0), "more bytes than 2^63");
  for (const uint32_t removed : {4u, 5u, 31u, 32u, 33u, 36u, 37u, 38u, 43u, 1000u}) {
    expect_refused(with("t", {256}, removed, 0, 1024), fmt::format("unknown type {}", removed));
  }
  expect_refused(with("t", {48}, 2, 0, 1024), "of type Q4_0 has rows of 48, expected a multiple of 32");
  expect_refused(with("t", {128}, 12, 0, 1024), "expected a multiple of 256");
  expect_refused(with("t", {4}, 0, 16), "begins at offset 16, expected a multiple of 32");
  expect_refused(with("t", {4}, 0, 64), "cut off: tensor 't' [4] of type F32 needs 16 bytes at offset 64");
  expect_refused(with("t", {4}, 0, UINT64_MAX - 31), "cut off");
  expect_refused(with("t", {17}, 0, 0), "cut off");
  expect_refused(Bytes().start(2, 0).tensor("t", {4}, 0, 0).tensor("t", {4}, 0, 32).align().zeros(64),
                 "tensor 't' twice");
  expect_refused(Bytes().start(2, 0).tensor("\x01", {4}, 0, 0).tensor("\x01", {4}, 0, 32).align().zeros(64),
                 "tensor '?' twice");
  expect_refused(Bytes().start(2, 0).tensor("a", {16}, 0, 0).tensor("b", {4}, 0, 32).align().zeros(64),
                 "'a' and 'b' overlap");
  expect_refused(Bytes().start(2, 0).tensor("a", {4}, 0, 0).tensor("b", {4}, 0, 0).align().zeros(64), "overlap");
  // Out of order and with gaps is not as the reference writes, but harms nobody.
  EXPECT_EQ(refusal(Bytes().start(2, 0).tensor("a", {4}, 0, 96).tensor("b", {4}, 0, 0).align().zeros(128)), "");
}

TEST(Gguf, KnownTypesThatCannotBeDecodedOpenAndAreNamed) {
  const Bytes bytes = Bytes().start(1, 0).tensor("t", {256}, 19, 0).align().zeros(64);
  const std::string file = "model.gguf";
  const GgufHeader header(bytes.get(), file);
  try {
    header.tensors[0].values();
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "model.gguf: tensor 't' is of type IQ1_S, which r1 cannot decode");
  }
}

TEST(Gguf, MetadataByType) {
  Bytes bytes;
  bytes.start(0, 12);
  bytes.key("u8", 0).put<uint8_t>(200);
  bytes.key("i8", 1).put<int8_t>(-5);
  bytes.key("u16", 2).put<uint16_t>(60000);
  bytes.key("i32", 5).put<int32_t>(-7);
  bytes.key("u64", 10).put<uint64_t>(1ull << 40);
  bytes.key("f32", 6).put<float>(0.5f);
  bytes.key("f64", 12).put<double>(0.25);
  bytes.key("bool", 7).put<uint8_t>(1);
  bytes.key("string", 8).text("text");
  bytes.key("same", 9).put<uint32_t>(4).put<uint64_t>(3).put<uint32_t>(8).put<uint32_t>(8).put<uint32_t>(8);
  bytes.key("mixed", 9).put<uint32_t>(4).put<uint64_t>(2).put<uint32_t>(8).put<uint32_t>(4);
  bytes.key("none", 9).put<uint32_t>(8).put<uint64_t>(0);
  const GgufHeader header(bytes.get(), "x");
  const GgufMetadata& metadata = header.metadata;
  EXPECT_EQ(metadata.integer("u8"), 200);
  EXPECT_EQ(metadata.integer("i8"), -5);
  EXPECT_EQ(metadata.integer("u16"), 60000);
  EXPECT_EQ(metadata.integer("i32"), -7);
  EXPECT_EQ(metadata.integer("u64"), int64_t{1} << 40);
  EXPECT_EQ(metadata.real("f32"), 0.5);
  EXPECT_EQ(metadata.real("f64"), 0.25);
  EXPECT_EQ(metadata.real("i8"), -5.0);
  EXPECT_EQ(metadata.boolean("bool"), true);
  EXPECT_EQ(metadata.string("string"), "text");
  EXPECT_EQ(metadata.integer("same"), 8);
  EXPECT_EQ(metadata.integers("mixed"), (std::vector<int64_t>{8, 4}));
  EXPECT_EQ(metadata.array_length("same"), 3);
  EXPECT_TRUE(metadata.strings("none").empty());
  EXPECT_FALSE(metadata.integer("absent").has_value());
  EXPECT_TRUE(metadata.strings("absent").empty());
  EXPECT_EQ(metadata.text("mixed"), "[8, 4]");
  EXPECT_THROW(metadata.integer("mixed"), Error);
  EXPECT_THROW(metadata.integer("string"), Error);
  EXPECT_THROW(metadata.integer("none"), Error);
  EXPECT_THROW(metadata.string("u8"), Error);
  EXPECT_THROW(metadata.strings("string"), Error);
  EXPECT_THROW(metadata.strings("same"), Error);
  EXPECT_THROW(metadata.required_integer("absent"), Error);
}

class GgufFiles : public FolderTest {
 protected:
  // Part `number` of `parts`, 0-based, with one tensor of `number + 1` numbers.
  void write_part(int number, int parts, int total_tensors, const std::string& tensor,
                  const std::string& file_name = "") {
    GgufPairs pairs;
    if (number == 0) pairs.emplace_back("general.architecture", std::string("llama"));
    pairs.emplace_back("split.no", static_cast<uint16_t>(number));
    pairs.emplace_back("split.count", static_cast<uint16_t>(parts));
    pairs.emplace_back("split.tensors.count", total_tensors);
    const auto name = file_name.empty() ? fmt::format("m-{:05}-of-{:05}.gguf", number + 1, parts) : file_name;
    GgufWriter writer(folder_ / name, pairs, {{tensor, DType::F32, {number + 1}}});
    const std::vector<float> values(static_cast<size_t>(number + 1), static_cast<float>(number));
    writer.write(std::as_bytes(std::span(values)));
    writer.commit();
  }

  std::string refusal(const std::string& name, Exit exit = Exit::kBadModel) const {
    try {
      Gguf gguf(folder_ / name);
    } catch (const Error& error) {
      EXPECT_EQ(error.exit(), exit) << error.what();
      return error.what();
    }
    return "";
  }
};

TEST_F(GgufFiles, AnyPartOpensAll) {
  for (int part = 0; part < 3; ++part) write_part(part, 3, 3, fmt::format("t{}", part));
  for (int part = 1; part <= 3; ++part) {
    const Gguf gguf(folder_ / fmt::format("m-{:05}-of-00003.gguf", part));
    EXPECT_EQ(gguf.tensors().size(), 3u);
    EXPECT_EQ(gguf.metadata().required_string("general.architecture"), "llama");
    for (int i = 0; i < 3; ++i) EXPECT_EQ(gguf.find(fmt::format("t{}", i))->values().f32()[i], static_cast<float>(i));
    EXPECT_EQ(gguf.find("t3"), nullptr);
  }
}

TEST_F(GgufFiles, BrokenSplits) {
  for (int part = 0; part < 3; ++part) write_part(part, 3, 4, fmt::format("t{}", part));
  EXPECT_NE(refusal("m-00001-of-00003.gguf").find("'split.tensors.count' is 4, and the 3 parts have 3"),
            std::string::npos);
  for (int part = 0; part < 3; ++part) write_part(part, 3, 3, "t");
  EXPECT_NE(refusal("m-00002-of-00003.gguf").find("'t' is in two parts"), std::string::npos);
  std::filesystem::remove(folder_ / "m-00002-of-00003.gguf");
  EXPECT_NE(refusal("m-00001-of-00003.gguf", Exit::kNotFound).find("part 2 of 3 is missing"), std::string::npos);
  write_part(2, 3, 3, "t1", "m-00002-of-00003.gguf");
  EXPECT_NE(refusal("m-00001-of-00003.gguf").find("is not part 2 of 3"), std::string::npos);
  write_part(0, 3, 3, "t0", "renamed.gguf");
  EXPECT_NE(refusal("renamed.gguf").find("its name should end in -00001-of-00003.gguf"), std::string::npos);
  write_part(5, 3, 3, "t0", "m-00006-of-00003.gguf");
  EXPECT_NE(refusal("m-00006-of-00003.gguf").find("claims to be part 6 of 3"), std::string::npos);
}

// A vocabulary of any architecture opens for whoever tokenises, and is refused by name for whoever wants weights.
TEST_F(GgufFiles, VocabularyOnly) {
  const GgufPairs pairs = {{"general.architecture", std::string("gpt2")},
                           {"tokenizer.ggml.tokens", std::vector<std::string>{"a", "b"}}};
  GgufWriter(folder_ / "v.gguf", pairs, {}).commit();
  EXPECT_EQ(Gguf(folder_ / "v.gguf").metadata().strings("tokenizer.ggml.tokens").size(), 2u);
  try {
    open_source(folder_ / "v.gguf");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit(), Exit::kNotFound);
    EXPECT_NE(std::string(error.what()).find("only a vocabulary"), std::string::npos);
  }
  GgufWriter other(folder_ / "w.gguf", pairs, {{"t", DType::F32, {1}}});
  other.write(std::vector<std::byte>(4));
  other.commit();
  try {
    open_source(folder_ / "w.gguf");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit(), Exit::kBadModel);
    EXPECT_NE(
        std::string(error.what()).find("'gpt2' is not supported; r1 runs llama, qwen2, qwen3, qwen3moe, deepseek2"),
        std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace r1
