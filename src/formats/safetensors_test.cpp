// The rules of the format one by one (formats.md 1.2 and 1.4): each broken file with the sentence it earns.
#include "formats/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "base/json.h"
#include "folder_test.h"
#include "formats/safetensors_writer.h"
#include "test_data.h"

namespace r1 {
namespace {

std::vector<std::byte> file_of(std::string_view header, size_t data_bytes) {
  std::vector<std::byte> bytes(8 + header.size() + data_bytes);
  const uint64_t length = header.size();
  std::memcpy(bytes.data(), &length, 8);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  return bytes;
}

std::string refusal(std::span<const std::byte> bytes) {
  try {
    SafetensorsHeader header(bytes, "weights.safetensors");
  } catch (const Error& error) {
    EXPECT_EQ(error.exit(), Exit::kBadModel);
    EXPECT_NE(std::string(error.what()).find("weights.safetensors"), std::string::npos) << error.what();
    return error.what();
  }
  return "";
}

void expect_refused(std::string_view header, size_t data_bytes, std::string_view because) {
  const std::string sentence = refusal(file_of(header, data_bytes));
  EXPECT_NE(sentence.find(because), std::string::npos) << "'" << sentence << "' for " << header;
}

TEST(Safetensors, ReadsTheExample) {
  const auto bytes = file_of(
      R"({"__metadata__":{"format":"pt"},"m":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
      R"("one":{"dtype":"I64","shape":[],"data_offsets":[24,32]},"none":{"dtype":"F16","shape":[4,0],"data_offsets":[32,32]}}  )",
      32);
  const SafetensorsHeader header(bytes, "x");
  ASSERT_EQ(header.tensors.size(), 3u);
  EXPECT_EQ(header.metadata.at("format"), "pt");
  const auto& m = header.tensors.at("m");
  EXPECT_EQ(m.dtype, "F32");
  EXPECT_EQ(m.known_dtype(), DType::F32);
  EXPECT_EQ(m.shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(m.bytes.data(), bytes.data() + bytes.size() - 32);
  EXPECT_EQ(header.tensors.at("one").bytes.size(), 8u);
  EXPECT_FALSE(header.tensors.at("one").known_dtype().has_value());
  EXPECT_EQ(header.tensors.at("none").bytes.size(), 0u);
}

TEST(Safetensors, AHeaderWithoutTensors) {
  EXPECT_EQ(refusal(file_of("{}", 0)), "");
  expect_refused("{}", 1, "has 1 bytes after its last tensor");
}

TEST(Safetensors, BadLengths) {
  EXPECT_NE(refusal({}).find("fewer than the 8"), std::string::npos);
  std::vector<std::byte> bytes = file_of("{}", 0);
  const auto claim = [&](uint64_t length) {
    std::memcpy(bytes.data(), &length, 8);
    return refusal(bytes);
  };
  EXPECT_NE(claim(3).find("cut off"), std::string::npos);
  EXPECT_NE(claim(100'000'001).find("more than the 100000000"), std::string::npos);
  EXPECT_NE(claim(UINT64_MAX).find("more than the 100000000"), std::string::npos);
  EXPECT_NE(claim(UINT64_MAX - 7).find("more than the 100000000"), std::string::npos);
  EXPECT_NE(claim(0).find("does not begin with '{'"), std::string::npos);
}

TEST(Safetensors, BadHeaders) {
  expect_refused("[]", 0, "does not begin with '{'");
  expect_refused(" {}", 0, "does not begin with '{'");
  expect_refused("{", 0, "not valid JSON");
  expect_refused("{} {}", 0, "not valid JSON");
  expect_refused("{\"\xFF\":1}", 0, "not valid JSON");
  expect_refused(
      R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1,
      "twice");
  expect_refused(R"({"__metadata__":[]})", 0, "__metadata__");
  expect_refused(R"({"__metadata__":{"a":1}})", 0, "'a' is number");
  expect_refused("{\"a\":" + std::string(100000, '['), 0, "nested deeper");
}

TEST(Safetensors, BadEntries) {
  expect_refused(R"({"a":3})", 0, "tensor 'a' is number");
  expect_refused(R"({"a":{"shape":[1],"data_offsets":[0,1]}})", 1, "has no 'dtype'");
  expect_refused(R"({"a":{"dtype":"U8","data_offsets":[0,1]}})", 1, "has no 'shape'");
  expect_refused(R"({"a":{"dtype":"U8","shape":[1]}})", 1, "has no 'data_offsets'");
  expect_refused(R"({"a":{"dtype":8,"shape":[1],"data_offsets":[0,1]}})", 1, "a dtype that is no string");
  expect_refused(R"({"a":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}})", 4, "unknown dtype 'F31'");
  expect_refused(R"({"a":{"dtype":"U8","shape":1,"data_offsets":[0,1]}})", 1, "a shape that is no array");
  expect_refused(R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", 1, "has -1 in its shape");
  expect_refused(R"({"a":{"dtype":"U8","shape":[1.5],"data_offsets":[0,1]}})", 1, "has 1.5 in its shape");
  expect_refused(R"({"a":{"dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,1]}})", 1, "in its shape");
  expect_refused(R"({"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0, "beyond 2^63 bits");
  expect_refused(R"({"a":{"dtype":"F64","shape":[4611686018427387904],"data_offsets":[0,0]}})", 0, "beyond 2^63 bits");
  for (const char* shape : {"[1152921504606846976,0]", "[0,4611686018427387904]", "[0,4294967296,0,4294967296]"}) {
    expect_refused(fmt::format(R"({{"a":{{"dtype":"F32","shape":{},"data_offsets":[0,0]}}}})", shape), 0,
                   "beyond 2^63 bits");
  }
  expect_refused(R"({"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}})", 1, "no whole number of bytes");
  expect_refused(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}})", 1, "no pair");
  expect_refused(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})", 1, "the end comes first");
  expect_refused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4, "has 4 bytes, expected 8");
  expect_refused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 7, "cut off");
  expect_refused(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[18446744073709551614,18446744073709551615]}})", 1,
                 "cut off");
}

TEST(Safetensors, HolesAndOverlaps) {
  expect_refused(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", 2, "there is a hole");
  expect_refused(
      R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})", 3,
      "overlaps");
  expect_refused(
      R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})", 3,
      "hole");
  expect_refused(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 2, "1 bytes after its last tensor");
}

class SafetensorsFolder : public FolderTest {
 protected:
  void write(const std::string& name, std::vector<SafetensorsPlan> tensors) const {
    sort_for_file(&tensors);
    SafetensorsWriter writer(folder_ / name, tensors);
    for (const auto& tensor : tensors) writer.write(std::vector<std::byte>(tensor.bytes()));
    writer.commit();
  }
  void index(const std::string& text) const { std::ofstream(folder_ / "model.safetensors.index.json") << text; }

  void expect_refused(std::string_view because, Exit exit = Exit::kBadModel) const {
    try {
      open_shards(folder_);
      FAIL() << because;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(because), std::string::npos) << error.what();
      EXPECT_EQ(error.exit(), exit) << error.what();
    }
  }
};

TEST_F(SafetensorsFolder, IndexAndShardsMustAgree) {
  write("1.safetensors", {{"a", DType::F32, {2}}, {"b", DType::BF16, {3}}});
  write("2.safetensors", {{"c", DType::F32, {1}}});
  index(R"({"metadata":{"total_size":1},"weight_map":{"a":"1.safetensors","b":"1.safetensors","c":"2.safetensors"}})");
  EXPECT_EQ(open_shards(folder_).size(), 2u);
  index(R"({"weight_map":{"a":"1.safetensors","c":"2.safetensors"}})");
  expect_refused("tensor 'b' is not in");
  index(R"({"weight_map":{"a":"1.safetensors","b":"2.safetensors","c":"2.safetensors"}})");
  expect_refused("tensor 'b' is here, and");
  index(R"({"weight_map":{"a":"1.safetensors","b":"1.safetensors","c":"2.safetensors","d":"2.safetensors"}})");
  expect_refused("tensor 'd' is missing");
  index(R"({"weight_map":{"a":"1.safetensors","b":"1.safetensors","c":"3.safetensors"}})");
  expect_refused("3.safetensors", Exit::kNotFound);
  for (const char* name : {"../1.safetensors", "x/1.safetensors", "..", "", "/etc/passwd"}) {
    index(fmt::format(R"({{"weight_map":{{"a":"{}"}}}})", name));
    expect_refused("no plain file name");
  }
  index(R"({"weight_map":{}})");
  expect_refused("'weight_map' is empty");
  index(R"([])");
  expect_refused("no object 'weight_map'");
  index(R"({"weight_map":{"a":3}})");
  expect_refused("no string");
  index(R"({"weight_map":)");
  expect_refused("not valid JSON");
}

// Two shards with the same tensor: the second is not where the index says.
TEST_F(SafetensorsFolder, ATensorInTwoShards) {
  write("1.safetensors", {{"a", DType::F32, {2}}});
  write("2.safetensors", {{"a", DType::F32, {2}}, {"b", DType::F32, {2}}});
  index(R"({"weight_map":{"a":"1.safetensors","b":"2.safetensors"}})");
  expect_refused("tensor 'a' is here, and");
}

TEST_F(SafetensorsFolder, WritesAligned) {
  write("model.safetensors",
        {{"odd", DType::F8_E4M3, {3}}, {"b", DType::BF16, {5}}, {"a", DType::F32, {7}}, {"s", DType::F32, {}}});
  const Safetensors file(folder_ / "model.safetensors");
  ASSERT_EQ(file.tensors().size(), 4u);
  for (const auto& [name, tensor] : file.tensors()) {
    const auto offset = static_cast<size_t>(tensor.bytes.data() - file.mapping().bytes().data());
    EXPECT_EQ(offset % static_cast<size_t>(block_bytes(*tensor.known_dtype())), 0u) << name;
  }
  EXPECT_EQ(file.values("a").shape_text(), "[7]");
  EXPECT_EQ(file.values("s").elements(), 1);
  EXPECT_THROW(file.values("nothing"), Error);
}

TEST(Safetensors, ForeignTypesAreReadableAsBytes) {
  R1_DATA_OR_SKIP(path, "fixtures/llama/golden.safetensors");
  const Safetensors golden(path);
  const SafetensorsTensor* logits = golden.find("logits/len17");
  ASSERT_NE(logits, nullptr);
  EXPECT_EQ(logits->dtype, "F64");
  EXPECT_EQ(logits->bytes.size(), static_cast<size_t>(logits->shape[0] * logits->shape[1]) * 8);
  try {
    golden.values("logits/len17");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("'logits/len17' is of type F64"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace r1
