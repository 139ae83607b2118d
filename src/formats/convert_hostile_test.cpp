// Folders and files that lie to a conversion: each earns one sentence; nothing is written, nothing hangs.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder_test.h"
#include "formats/convert.h"
#include "formats/gguf_names.h"
#include "formats/safetensors_writer.h"
#include "formats/tensor_stream.h"

namespace r1 {
namespace {

// A qwen3 of one layer; the tests add what is wrong.
const Json kConfig = {{"model_type", "qwen3"},  {"vocab_size", 8},          {"hidden_size", 4},
                      {"head_dim", 4},          {"num_hidden_layers", 1},   {"num_attention_heads", 1},
                      {"intermediate_size", 4}, {"num_key_value_heads", 1}, {"rms_norm_eps", 1e-6}};

class ConvertHostile : public FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    std::filesystem::create_directory(folder_ / "in");
  }

  // A folder of these tensors, all bytes zero.
  std::unique_ptr<WeightSource> folder_of(const Json& config, std::vector<SafetensorsPlan> tensors) const {
    write_file(folder_ / "in" / "config.json", config.dump());
    sort_for_file(&tensors);
    SafetensorsWriter writer(folder_ / "in" / "model.safetensors", tensors);
    for (const SafetensorsPlan& tensor : tensors) writer.write(std::vector<std::byte>(tensor.bytes()));
    writer.commit();
    return open_source(folder_ / "in");
  }

  // Both targets refuse with a sentence that holds `because`, and leave nothing behind.
  void expect_refused(const WeightSource& source, std::string_view because) const {
    for (const char* out : {"out.gguf", "out"}) {
      try {
        convert_weights(source, folder_ / out, {});
        ADD_FAILURE() << out << " was written";
      } catch (const Error& error) {
        EXPECT_EQ(error.exit(), Exit::kBadModel) << error.what();
        EXPECT_NE(std::string(error.what()).find(because), std::string::npos) << error.what();
      }
    }
    size_t entries = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) entries += entry.exists();
    EXPECT_EQ(entries, 1u);
  }
};

// 2^64 - 1 read as a signed number is a step of -1: a loop without end over what lies before the scales.
TEST_F(ConvertHostile, BlocksOfAnySize) {
  for (const uint64_t extent : {UINT64_MAX, uint64_t{1} << 63, uint64_t{1} << 31, uint64_t{0}}) {
    Json config = kConfig;
    for (const Json& size : {Json({1, extent}), Json({extent, 1})}) {
      config["quantization_config"] = {{"weight_block_size", size}};
      const auto source = folder_of(config, {{"model.layers.0.mlp.up_proj.weight", DType::F8_E4M3, {1, 1}},
                                             {"model.layers.0.mlp.up_proj.weight_scale_inv", DType::F32, {1, 1}}});
      expect_refused(*source, "'weight_block_size'");
    }
  }
}

TEST_F(ConvertHostile, NamesWithAnyEnding) {
  for (const std::string& name : {"model.norm." + std::string(80, 'A'), std::string("model.norm.weight_scale_inv")}) {
    EXPECT_FALSE(gguf_place(name).has_value());
    expect_refused(*folder_of(kConfig, {{name, DType::F32, {4}}}), "'" + name + "'");
  }
  EXPECT_FALSE(gguf_place("model.layers.0.mlp.up_proj.weight_scale_inv").has_value());
  EXPECT_FALSE(gguf_place("model.layers.0.mlp.experts.0.up_proj.x").has_value());
  EXPECT_EQ(gguf_place("model.layers.7.mlp.gate.e_score_correction_bias")->name, "blk.7.exp_probs_b.bias");
  EXPECT_EQ(gguf_place("model.layers.7.self_attn.q_proj.bias")->name, "blk.7.attn_q.bias");
}

TEST_F(ConvertHostile, TensorsWithoutNumbers) {
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{0}, {1'000'000'000, 0}, {0, 1'000'000'000}}) {
    expect_refused(*folder_of(kConfig, {{"model.norm.weight", DType::F32, shape}}),
                   "tensor 'model.norm.weight' is empty");
  }
}

// A pipe would be waited for, and a link to itself is neither there nor absent.
TEST_F(ConvertHostile, FilesThatAreNone) {
  const auto opening = [&]() -> std::string {
    try {
      open_source(folder_ / "in");
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  for (const char* name : {"config.json", "generation_config.json", "model.safetensors.index.json"}) {
    folder_of(kConfig, {{"model.norm.weight", DType::F32, {4}}});
    const std::filesystem::path path = folder_ / "in" / name;
    std::filesystem::remove(path);
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    EXPECT_EQ(opening(), path.string() + ": is a pipe or device, not a file");
    std::filesystem::remove(path);
    std::filesystem::create_symlink(name, path);
    EXPECT_EQ(opening(), path.string() + ": cannot be opened: Too many levels of symbolic links");
    std::filesystem::remove(path);
  }
}

// In a thread of the pool, too, want of memory is no end of the program.
TEST_F(ConvertHostile, WantOfMemoryComesOut) {
  const auto source = folder_of(kConfig, {{"model.norm.weight", DType::F32, {4}}});
  TensorStream stream;
  stream.shape = {8, 4};
  stream.fill = [](int64_t, int64_t, float*) { throw std::bad_alloc(); };
  ThreadPool pool(2);
  ConvertOptions options;
  options.pool = &pool;
  StreamEncoder encoder(*source, options, stream.bytes());
  EXPECT_THROW(encoder.run(stream, [](std::span<const std::byte>) {}), std::bad_alloc);
}

// What replaces a folder is a whole one; what is not meant to be replaced stays.
TEST_F(ConvertHostile, FoldersAreReplacedWhenTheNewIsComplete) {
  const auto source = folder_of(kConfig, {{"model.norm.weight", DType::F32, {4}}});
  ConvertOptions options;
  convert_weights(*source, folder_ / "out", options);
  EXPECT_THROW(convert_weights(*source, folder_ / "out", options), Error);
  write_file(folder_ / "out" / "mine", "old");
  options.replace = true;
  options.progress = [](uint64_t, uint64_t) { throw Error("stopped"); };
  EXPECT_THROW(convert_weights(*source, folder_ / "out", options), Error);
  EXPECT_EQ(read_file(folder_ / "out" / "mine"), "old");
  options.progress = nullptr;
  convert_weights(*source, folder_ / "out", options);
  EXPECT_EQ(kind_of(folder_ / "out" / "mine"), FileKind::Nothing);
  EXPECT_EQ(open_source(folder_ / "out")->names(), source->names());
}

}  // namespace
}  // namespace r1
