// Binding: what is missing, misshapen or left over; and plans against what a model really takes. The numbers of a
// forward pass are judged by the golden tests.
#include "models/decoder.h"

#include <gtest/gtest.h>

#include <limits>

#include "models/edited_source_test.h"
#include "test_data.h"

namespace r1 {
namespace {

class Binding : public ::testing::Test {
 protected:
  // What binding says; "" where it works.
  std::string refusal(const WeightSource& source, bool mtp = false) {
    DecoderOptions options = DecoderOptions::exact();
    options.mtp = mtp;
    try {
      const Decoder decoder(source, read_model_config(source.config(), source.path()), *backend_, options);
      return "";
    } catch (const Error& error) {
      EXPECT_EQ(error.exit(), Exit::kBadModel);
      return error.what();
    }
  }

  std::unique_ptr<Backend> backend_ = open_backend("reference");
};

bool is_mtp(const std::string& name, const ModelConfig& config) {
  return name.starts_with(fmt::format("model.layers.{}.", config.layers));
}

TEST_F(Binding, EveryMissingTensorIsNamed) {
  for (const auto& [fixture, folder] : data_entries("fixtures")) {
    if (!std::filesystem::exists(folder / "config.json")) continue;
    SCOPED_TRACE(fixture);
    const auto source = open_source(folder);
    const ModelConfig config = read_model_config(source->config(), source->path());
    for (const std::string& name : source->names()) {
      EditedSource edited(*source);
      edited.tensors().erase(name);
      const std::string sentence = refusal(edited);
      if (is_mtp(name, config)) {
        EXPECT_EQ(sentence, "") << name;
      } else {
        EXPECT_NE(sentence.find("'" + name + "'"), std::string::npos) << name << ": " << sentence;
        EXPECT_NE(sentence.find("missing"), std::string::npos) << sentence;
      }
    }
  }
}

TEST_F(Binding, EveryMisshapenTensorIsNamed) {
  for (const auto& [fixture, folder] : data_entries("fixtures")) {
    if (!std::filesystem::exists(folder / "config.json")) continue;
    SCOPED_TRACE(fixture);
    const auto source = open_source(folder);
    const ModelConfig config = read_model_config(source->config(), source->path());
    for (const std::string& name : source->names()) {
      if (is_mtp(name, config)) continue;
      EditedSource edited(*source);
      StoredTensor& tensor = edited.tensors()[name];
      const Tensor whole = tensor.values;
      if (whole.rank() == 1) {
        tensor.values = Tensor(whole.data(), whole.dtype(), {whole.cols() - 1});
      } else if (whole.rows() > 1) {
        tensor.values = Tensor(whole.data(), whole.dtype(), {whole.rows() - 1, whole.cols()});
      } else {
        tensor.values = Tensor(whole.data(), whole.dtype(), {whole.cols()});
      }
      const std::string sentence = refusal(edited);
      EXPECT_NE(sentence.find("'" + tensor.name + "' has shape " + tensor.values.shape_text() + ", expected " +
                              whole.shape_text()),
                std::string::npos)
          << sentence;
    }
  }
}

TEST_F(Binding, SurplusIsRefusedAndWhatIsKnownIsSkipped) {
  R1_DATA_OR_SKIP(folder, "fixtures/llama");
  const auto source = open_source(folder);
  const StoredTensor some = *source->find("model.norm.weight");
  EditedSource edited(*source);
  edited.tensors()["model.layers.1.self_attn.rotary_emb.inv_freq"] = some;
  EXPECT_EQ(refusal(edited), "");
  edited.tensors()["model.layers.9.mlp.gate.weight"] = {some.values, "a.safetensors", "model.layers.9.mlp.gate.weight"};
  EXPECT_EQ(refusal(edited),
            "a.safetensors: tensor 'model.layers.9.mlp.gate.weight' [48] is not part of a llama model of 3 layers");
  edited.tensors()["model.layers.9.mlp.up.weight"] = some;
  EXPECT_NE(refusal(edited).find(", and 1 more are not"), std::string::npos);
}

TEST_F(Binding, HeadOfATiedModelIsSkipped) {
  R1_DATA_OR_SKIP(folder, "fixtures/qwen2");
  const auto source = open_source(folder);
  EditedSource edited(*source);
  edited.tensors()["lm_head.weight"] = *source->find("model.embed_tokens.weight");
  EXPECT_EQ(refusal(edited), "");
}

TEST_F(Binding, MtpLayersAbsentOrUnwantedAreNoError) {
  R1_DATA_OR_SKIP(folder, "fixtures/deepseek_v3");
  const auto source = open_source(folder);
  EXPECT_EQ(refusal(*source, true), "");
  EditedSource edited(*source);
  edited.tensors().erase("model.layers.3.enorm.weight");
  EXPECT_EQ(refusal(edited, false), "");
  EXPECT_NE(refusal(edited, true).find("'model.layers.3.enorm.weight' is missing"), std::string::npos);
  edited.tensors().erase("model.layers.3.embed_tokens.weight");  // a copy that nobody needs
  edited.tensors().erase("model.layers.3.shared_head.head.weight");
  edited.tensors()["model.layers.3.enorm.weight"] = *source->find("model.layers.3.enorm.weight");
  EXPECT_EQ(refusal(edited, true), "");
}

TEST_F(Binding, Fp8NeedsItsScales) {
  R1_DATA_OR_SKIP(folder, "fixtures/deepseek_v3_fp8");
  const auto source = open_source(folder);
  const std::string scales = "model.layers.0.self_attn.kv_b_proj.weight_scale_inv";
  EditedSource edited(*source);
  edited.tensors().erase(scales);
  EXPECT_NE(refusal(edited).find("its scales '" + scales + "' are missing"), std::string::npos) << refusal(edited);
  const Tensor whole = source->find(scales)->values;
  edited.tensors()[scales] = {Tensor(whole.data(), DType::BF16, {whole.rows(), whole.cols()}), "f", scales};
  EXPECT_NE(refusal(edited).find("is bf16, expected f32"), std::string::npos) << refusal(edited);
}

TEST_F(Binding, RopeDivisorsAreFiniteAndAboveZero) {
  R1_DATA_OR_SKIP(file, "models/tiny-llama-gguf/arch/llama3-rope-freqs.gguf");
  const auto source = open_source(file);
  for (const float wrong : {0.0f, -1.0f, std::numeric_limits<float>::quiet_NaN(),
                            std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
    EditedSource edited(*source);
    EXPECT_EQ(refusal(edited), "");
    edited.numbers("rope_freqs.weight")[3] = wrong;
    EXPECT_EQ(refusal(edited), fmt::format("the-model: tensor 'rope_freqs.weight' has {} at 3, expected finite numbers "
                                           "above 0",
                                           wrong));
  }
}

TEST_F(Binding, IntegersAreNoWeights) {
  R1_DATA_OR_SKIP(folder, "fixtures/llama");
  const auto source = open_source(folder);
  EditedSource edited(*source);
  StoredTensor& tensor = edited.tensors()["lm_head.weight"];
  tensor.values = Tensor(tensor.values.data(), DType::I32, {tensor.values.rows(), tensor.values.cols()});
  EXPECT_NE(refusal(edited).find("'lm_head.weight' holds integers"), std::string::npos) << refusal(edited);
}

TEST_F(Binding, ProgressEndsAtTheTotal) {
  R1_DATA_OR_SKIP(folder, "fixtures/deepseek_v3");
  const auto source = open_source(folder);
  const ModelConfig config = read_model_config(source->config(), source->path());
  uint64_t last = 0, whole = 0, calls = 0;
  const Decoder decoder(*source, config, *backend_, DecoderOptions::exact(), [&](uint64_t done, uint64_t total) {
    EXPECT_GE(done, last);
    EXPECT_LE(done, total);
    last = done;
    whole = total;
    ++calls;
  });
  EXPECT_EQ(last, whole);
  EXPECT_GT(calls, 20u);
}

// ---- plans ----

class Plans : public ::testing::TestWithParam<std::string> {};

std::vector<DecoderOptions> every_option() {
  DecoderOptions absorbed = DecoderOptions::exact();
  absorbed.mla = MlaForm::Absorbed;
  DecoderOptions mtp = DecoderOptions::exact();
  mtp.mtp = true;
  return {DecoderOptions{}, DecoderOptions::exact(), absorbed, mtp};
}

TEST_P(Plans, WeightsAndActivationsAreWhatTheyBecome) {
  const auto fixtures = data_entries("fixtures");
  if (fixtures.empty()) GTEST_SKIP() << "needs fixtures/";
  const auto backend = open_backend(GetParam());
  for (const auto& [fixture, folder] : fixtures) {
    if (!std::filesystem::exists(folder / "config.json")) continue;
    SCOPED_TRACE(fixture);
    const auto source = open_source(folder);
    const ModelConfig config = read_model_config(source->config(), source->path());
    for (const DecoderOptions& options : every_option()) {
      const Decoder decoder(*source, config, *backend, options);
      EXPECT_EQ(planned_weight_bytes(*source, config, *backend, options), decoder.weight_bytes());

      KvCache cache(*backend, decoder.kv_shape(), decoder.kv_layers(), 2);
      Arena arena(*backend);
      Pass pass{.backend = *backend, .arena = arena, .precision = options.precision, .cache = &cache};
      const std::vector<int32_t> ids(100, 1), pages = {0, 1};
      Batch batch;
      batch.append(ids, 0, pages, 10);
      decoder.forward(pass, batch);
      const auto planned = static_cast<double>(plan_pass(config, options, *backend, 100, 128, 10).activations);
      EXPECT_NEAR(static_cast<double>(arena.peak()) / planned, 1, 0.01);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Plans, ::testing::Values("reference", "cpu"),
                         [](const auto& info) { return info.param; });

// The plan of the largest model takes no time and hardly any memory.
TEST(PlansOfR1, Activations) {
  ModelConfig config;
  config.architecture = Architecture::DeepseekV3;
  config.vocabulary = 129280;
  config.hidden = 7168;
  config.layers = 61;
  config.dense_ffn = 18432;
  config.heads = config.kv_heads = 128;
  config.head_dim = 192;
  config.rope.width = 64;
  config.rope.pairing = RopePairing::Interleaved;
  config.mla = {1536, 512, 128, 64, 128, 1e-6f, false};
  config.router = {RouterRule::Scores::Sigmoid, RouterRule::Groups::TwoBest, 256, 8, 8, 4, true, 2.5f};
  config.expert_ffn = 2048;
  config.shared_experts = 1;
  config.moe_layer.assign(61, true);
  const auto cpu = open_backend("cpu", 2);
  const size_t one = plan_pass(config, DecoderOptions{}, *cpu, 1, 4096, 1).activations;
  EXPECT_GT(one, 129280 * sizeof(float));  // the logits alone
  EXPECT_LT(one, size_t{2} << 20);
  const PassPlan many = plan_pass(config, DecoderOptions{}, *cpu, 512, 4096, 1);
  EXPECT_GT(many.activations, size_t{128} << 20);
  EXPECT_LT(many.activations, size_t{1} << 30);
  EXPECT_GT(many.scratch.total(), size_t{1} << 20);
  EXPECT_LT(many.scratch.total(), size_t{512} << 20);
}

}  // namespace
}  // namespace r1
