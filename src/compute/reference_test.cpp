// The reference backend against the numbers that model.md prints, and against answers one can do by hand.
#include "compute/reference.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "compute/every_backend_test.h"
#include "tensor/quant.h"

namespace r1 {
namespace {

TEST(Reference, RmsNormOfTheSpecification) {
  ReferenceBackend backend;
  Matrix x(1, 4), gain(1, 4), y(1, 4);
  x.numbers() = {1, 2, 3, 4};
  gain.numbers() = {1, 1, 1, 1};
  backend.rms_norm(y.tensor(), x.tensor(), gain.vector(), 1e-6f);
  const float wanted[] = {0.3651483f, 0.7302967f, 1.095445f, 1.4605934f};
  for (int c = 0; c < 4; ++c) EXPECT_NEAR(y.at(0, c), wanted[c], 1e-6);
}

TEST(Reference, RopeOfTheSpecification) {
  ReferenceBackend backend;
  Matrix cos_sin(4, 4);
  for (int p = 0; p < 4; ++p) {
    cos_sin.at(p, 0) = static_cast<float>(std::cos(p * 1.0));
    cos_sin.at(p, 1) = static_cast<float>(std::cos(p * 0.01));
    cos_sin.at(p, 2) = static_cast<float>(std::sin(p * 1.0));
    cos_sin.at(p, 3) = static_cast<float>(std::sin(p * 0.01));
  }
  const std::array<int32_t, 1> positions = {3};
  const float interleaved[] = {-1.272233f, -1.838865f, 2.878668f, 4.088187f};
  const float half[] = {-1.413353f, 1.879118f, -2.828857f, 4.058191f};
  for (RopePairing pairing : {RopePairing::Interleaved, RopePairing::Half}) {
    Matrix x(1, 6);  // two columns before the rotated ones stay as they are
    x.numbers() = {9, 8, 1, 2, 3, 4};
    backend.rope(x.tensor(), positions, cos_sin.tensor(), 1, 6, 2, 4, pairing);
    EXPECT_EQ(x.at(0, 0), 9);
    EXPECT_EQ(x.at(0, 1), 8);
    for (int c = 0; c < 4; ++c) {
      EXPECT_NEAR(x.at(0, 2 + c), (pairing == RopePairing::Half ? half : interleaved)[c], 2e-6) << "column " << c;
    }
  }
}

struct Choice {
  std::vector<int32_t> experts;
  std::vector<float> weights;
};

Choice route(std::vector<float> logits, std::vector<float> bias, const RouterRule& rule) {
  ReferenceBackend backend;
  const auto experts = static_cast<int64_t>(logits.size());
  Choice choice{std::vector<int32_t>(static_cast<size_t>(rule.chosen)),
                std::vector<float>(static_cast<size_t>(rule.chosen))};
  const Tensor bias_tensor = bias.empty() ? Tensor() : Tensor(static_cast<void*>(bias.data()), DType::F32, {experts});
  backend.route(Tensor(static_cast<void*>(logits.data()), DType::F32, {1, experts}), bias_tensor, rule, choice.experts,
                choice.weights);
  return choice;
}

TEST(Reference, RouterOfTheSpecification) {
  const std::vector<float> z = {0.2f, -0.4f, 1.1f, 0.9f, -1.5f, 0.3f, 0.6f, 0.8f};
  const std::vector<float> bias = {0, 0.3f, -0.2f, 0, 0.4f, 0.1f, 0, -0.05f};
  RouterRule rule{RouterRule::Scores::Sigmoid, RouterRule::Groups::TwoBest, 8, 2, 4, 2, true, 2.5f};
  const Choice grouped = route(z, bias, rule);
  EXPECT_EQ(grouped.experts, (std::vector<int32_t>{3, 6}));
  EXPECT_NEAR(grouped.weights[0], 1.310162, 1e-6);
  EXPECT_NEAR(grouped.weights[1], 1.189838, 1e-6);

  rule.groups = RouterRule::Groups::None;
  EXPECT_EQ(route(z, bias, rule).experts, (std::vector<int32_t>{1, 3}));
}

TEST(Reference, RouterGivesTiesToTheLowerIndex) {
  RouterRule rule{RouterRule::Scores::Softmax, RouterRule::Groups::None, 6, 3, 1, 1, false, 1};
  EXPECT_EQ(route({1, 2, 1, 2, 1, 1}, {}, rule).experts, (std::vector<int32_t>{0, 1, 3}));
  // Groups {0,1} {2,3} {4,5}, all with the same best expert: the first two stay.
  rule.groups = RouterRule::Groups::Best;
  rule.group_count = 3;
  rule.groups_kept = 2;
  EXPECT_EQ(route({1, 2, 2, 1, 2, 2}, {}, rule).experts, (std::vector<int32_t>{0, 1, 2}));
}

TEST(Reference, RouterNeverLeavesTheKeptGroups) {
  // Every biased score is negative; zero instead of minus infinity would let the experts of dropped groups in.
  const RouterRule rule{RouterRule::Scores::Sigmoid, RouterRule::Groups::TwoBest, 4, 2, 2, 1, true, 1};
  EXPECT_EQ(route({0, 0, 3, 3}, {-1, -1, -3, -3}, rule).experts, (std::vector<int32_t>{0, 1}));
}

TEST(Reference, RouterWeightsAreSoftmaxScoresTimesTheFactor) {
  const RouterRule plain{RouterRule::Scores::Softmax, RouterRule::Groups::None, 3, 2, 1, 1, false, 16};
  const Choice choice = route({std::log(1.0f), std::log(2.0f), std::log(5.0f)}, {}, plain);
  EXPECT_EQ(choice.experts, (std::vector<int32_t>{1, 2}));
  EXPECT_NEAR(choice.weights[0], 16 * 2.0 / 8, 1e-5);
  EXPECT_NEAR(choice.weights[1], 16 * 5.0 / 8, 1e-5);
  RouterRule normalised = plain;
  normalised.normalise = true;
  normalised.factor = 1;
  EXPECT_NEAR(route({std::log(1.0f), std::log(2.0f), std::log(5.0f)}, {}, normalised).weights[0], 2.0 / 7, 1e-6);
}

TEST(Reference, RouterSurvivesNotANumber) {
  const RouterRule rule{RouterRule::Scores::Sigmoid, RouterRule::Groups::TwoBest, 4, 2, 2, 1, true, 1};
  const float nan = std::nanf("");
  for (const auto& logits : {std::vector<float>{nan, nan, nan, nan}, std::vector<float>{nan, 1, 2, nan}}) {
    const Choice choice = route(logits, {}, rule);
    EXPECT_LT(choice.experts[0], choice.experts[1]);
    EXPECT_GE(choice.experts[0], 0);
    EXPECT_LT(choice.experts[1], 4);
  }
}

TEST(Reference, LinearTakesUnalignedWeightsAndScales) {
  // 130 x 130 codes have four scales; everything lies one byte off, as a mapped file may have it.
  constexpr int64_t kSize = 130;
  std::vector<std::byte> codes(kSize * kSize + 1), scales(4 * sizeof(float) + 1);
  for (size_t i = 1; i < codes.size(); ++i) codes[i] = std::byte{0x38};  // 1.0
  const float four[] = {1, 2, 4, 8};
  std::memcpy(scales.data() + 1, four, sizeof four);
  Weight weight{DType::F8_E4M3,
                kSize,
                kSize,
                Tensor(static_cast<const void*>(codes.data() + 1), DType::F8_E4M3, {kSize, kSize}),
                Tensor(static_cast<const void*>(scales.data() + 1), DType::F32, {2, 2}),
                nullptr};
  Matrix x(1, kSize), y(1, kSize), bias(1, kSize);
  for (float& number : x.numbers()) number = 1;
  for (float& number : bias.numbers()) number = 0.5f;
  ReferenceBackend backend;
  const Projection projection{y.tensor(), &weight, x.tensor(), bias.vector()};
  backend.linear({&projection, 1}, Precision::Exact);
  EXPECT_EQ(y.at(0, 0), 128 * 1 + 2 * 2 + 0.5f);
  EXPECT_EQ(y.at(0, 127), 128 * 1 + 2 * 2 + 0.5f);
  EXPECT_EQ(y.at(0, 128), 128 * 4 + 2 * 8 + 0.5f);

  std::vector<std::byte> plain(2 * 3 * sizeof(float) + 1);
  const float numbers[] = {1, 2, 3, 4, 5, 6};
  std::memcpy(plain.data() + 1, numbers, sizeof numbers);
  const Weight table{DType::F32, 2,      3, Tensor(static_cast<const void*>(plain.data() + 1), DType::F32, {2, 3}),
                     {},         nullptr};
  Matrix rows(2, 3);
  const std::array<int32_t, 2> ids = {1, 0};
  backend.embed(rows.tensor(), table, ids);
  EXPECT_EQ(rows.numbers(), (std::vector<float>{4, 5, 6, 1, 2, 3}));
}

TEST(Reference, AttentionIsAWeightedMeanOfValues) {
  ReferenceBackend backend;
  const AttentionShape shape{1, {1, 1, 1, false, DType::F32}, 1};
  std::vector<std::byte> block(backend.kv_block_bytes(shape.kv));
  std::byte* const blocks[] = {block.data()};
  const SequenceRows rows{0, 2, 0, blocks};
  Matrix keys(2, 1), values(2, 1), q(2, 1), out(2, 1);
  keys.numbers() = {0, std::log(3.0f)};
  values.numbers() = {10, 20};
  q.numbers() = {1, 1};
  backend.store_kv(shape.kv, keys.tensor(), values.tensor(), {&rows, 1});
  backend.attention(out.tensor(), q.tensor(), shape, {&rows, 1});
  EXPECT_NEAR(out.at(0, 0), 10, 1e-6);
  EXPECT_NEAR(out.at(1, 0), 10 * 0.25 + 20 * 0.75, 1e-5);
}

TEST(Reference, OutOfMemoryIsAnError) {
  ReferenceBackend backend;
  try {
    backend.allocate(size_t{1} << 60);
    FAIL() << "2^60 bytes were granted";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit(), Exit::kOutOfMemory);
  }
}

}  // namespace
}  // namespace r1
