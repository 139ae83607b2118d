// Golden blocks (formats.md, appendix) and properties of every block format.
#include "tensor/quant.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "tensor/block_layout.h"
#include "tensor/quant_search.h"

namespace r1 {
namespace {

struct Golden {
  DType dtype;
  double sum, rmse;
  std::array<float, 4> y;  // elements 0, 1, 33, 255
  const char* hex;
};

const Golden kGoldens[] = {
    {DType::Q8_0,
     7.86867905,
     0.00221621612,
     {0.722961426f, -0.966567993f, -0.101959229f, 0.582641602f},
     "06205c85e52aa02d9edb5a652d9c9fdf94f1f9ed7d917f9a2fe19e852d359e83acc70420f9f3ba725fe02f3889da526e"
     "ba914bc816364d09aa927f8736e2af5fbd79b67de91fcb15a84c88fcc43481de17df346bee2d56ac01eee930616808cb"
     "1d836854b6dd8c1fa7de4e717bf97e07237215a16ae18c5b875037f78fe9e9b6e73e0f61f481c320d51f765034887b52"
     "60e83c7bdf7da275557f97087edb083c35b7b1261c9abc8ffc7acb1ff959ff65ed7c8e12a7ff14164e8f47d750da7457"
     "94965a973e81dbfe1ae47424e41f15f245a92dea2ab846f5482eb1b8819e84bbab1a997e6d945f51e83c62fd3e570820"
     "9f179c1a8d1e3e17e453127b2f5f220d18a4c6e36b5d88e5f07fd909eb4f764a"},
    {DType::Q4_0,
     7.96514893,
     0.0392245764,
     {0.748535156f, -0.873291016f, -0.124450684f, 0.624694824f},
     "fcaf829f0af50ee55eaae2f2555eeefadfc9f7af78593c71d2fa05f55faad321cc0fd30cd92fd539827d70b8e4fb8056"
     "a906fbdf376b7d2f02d6bd7f1f787f386acf99e27f0641aec5aff18305af804352dad4606ae0cef18300bc2fd86ef8de"
     "171fe119c2086989ad61fca5d42f09473ca32bf7fb13ecd76dcbe383c0e2ffaf7ee7cea61f26f4a79a03a77095321637"},
    {DType::Q4_1,
     7.75140381,
     0.0343888533,
     {0.734375f, -0.979492188f, -0.0423583984f, 0.610839844f},
     "3830d6bb7d60f61af21aa2652d0daab12205214727309bbb97b7c38e2d15fa0bb0652cde33f13cf4b92fd9bbe539827d"
     "70b8e4fb9056aa06fbef376bf22f7dbb02c6bc7e1f676f386abe89d27e06419d073055bb1e8cfa508fbcbd362baf951f"
     "320e7cff1330bcbbc75df8de161fd119b20859799c61fca52930d4bb09373c921af6ea13dcc76cbad373b0d2243089bb"
     "91294159e0d90b6966fc588f6acde9c8"},
    {DType::Q5_0,
     8.17712402,
     0.0181385548,
     {0.748535156f, -0.935668945f, -0.124450684f, 0.562225342f},
     "fcabd6f8abf3142f03eb0cdaac45c5f3aa9dccf4be72f7ab27b3b056d19269f2b4e40af99f45a642891e9707d92b8ab4"
     "e535b95305ead16fc8d7109c430cd7be7ec67d2bdc97068e15ac7afe2fdfdf71d48e23c4ed0c814bc5ab88148979d1f6"
     "095ff1869493a8b0d4d09ce10510bc2bae5e4dd9afbbf0bd2e3fb2328500b3033ad2f94bd42b550d68fb037e593536fd"
     "e527c9afd986c60780b4ffab1501ce15dccd7d4d3f4cf83d24065ef03a641c7e"},
    {DType::Q5_1,
     7.93515015,
     0.0175844036,
     {0.742614746f, -0.979492188f, -0.0714111328f, 0.561035156f},
     "152cd6bb2907540cfbd0fc25f33553cb3a0c5563330b528d052c9bbbd84c4fa92e6e960d4b1bf50660ba59bd76e169f8"
     "792bd9bbaab4e535ca6415ebe170e9f820ac540cf8cf7ec7b12b7dbbdc97068e159b69ed2fdfdf60d47e12b4ed0c813b"
     "cc2b55bb77eb76862e09f6a00e796b6c574f3b2f731efaefe32bbcbbae5e4dd1afbbe0ac2d3fb2327500b2f239c2e94b"
     "072cd4bb550d68db027e583535fdd527b89ed875c6f770a4022c89bbeafe31ea233283b2c1b307c2dbfaa10fc59be381"},
    {DType::Q2_K,
     6.50317383,
     0.132975028,
     {0.789123535f, -0.800964355f, -0.375793457f, 0.838623047f},
     "bdcfdeaedfdeaddcaeaebdcdfcbdbdce1b6485fecc56d86983d7ae1ce4711ce539d9eb9413a0be71a8d4a2ceb03c509d"
     "37ae369c37aeb39972e7b9fb9cd38e978c154f6dc1f23e407cf256a878d4edfb3829a92c"},
    {DType::Q3_K,
     10.7402039,
     0.0737642139,
     {0.756225586f, -1.00830078f, 0.0f, 0.522155762f},
     "eb4ee017e20d621ee161574a142c0aa575d9ecbb5207a4d7b50bceb8bf553329e3509b2d0d0d252bc73fd9fd6977f958"
     "3cd988333ceff3bdcba71fc63b33aa72d0c5e2d7d4f19ded6e40ed1ceb6cc914fbecbc7d7446de761a235f23568f2c94"
     "a4cec03c45d5cad730f3fcc39ca0"},
    {DType::Q4_K,
     8.0646019,
     0.0320565286,
     {0.712245941f, -0.998794556f, -0.0606174469f, 0.608947754f},
     "59180f24fefdf7fbfffdfcfb9adfccac7d7036ead26aa2b50d5ecae23216c14797b6cf812f11fa06b2603adb32f033f4"
     "255ac2edf078f48ca0e69a26ec6f17db0ec3b877176b6f3f69b58ad07f0e43967fcc7bd06fec1d862b7f858fc21fbd5f"
     "c158efc5181bcb13b20a59719360e79f19971c920a96ba935cc78cfaa3d3908290234259e1df0e616dfc568b6dc7fbcd"},
    {DType::Q5_K,
     7.60933685,
     0.0155126853,
     {0.71497345f, -0.964492798f, -0.12474823f, 0.612155914f},
     "1c14f723fefefafbfefcfffdbcfeffbd51b478af5ab5daae59b9eff2ac94b29ca61a3f6291d4770466d81deb6486e0fa"
     "ebd06cd5b3b5536b0bac95d3631b828e2f6d9f014f13f50c63b055b673e065f85ac4a5ebf1f0f91840ec344cd8cf2eb7"
     "1ca671fe2ed7de7fd28a25c0ff0c874cfeb906c0dffa2b2c570f2b2f932e8abfa2b0efab2037b6367504b30237c1ef4f"
     "322e2825053d7527b8ae18f556b73014203785b3d3bf0dc2dbf9ad07cb9fe79a"},
    {DType::Q6_K,
     7.91290092,
     0.00787919937,
     {0.725601196f, -0.967468262f, -0.115936279f, 0.593423843f},
     "3850a93b27fc17d6077a6c86d7b8b4bc52b501cba1c984a8283e7513a85fe57e7e9ccd3f1a270def7036b68e5d82d491"
     "2a42dcee46aca0efa2f84588d111138052cc13beb1bba8e611d128b0d8e21b80fa1e5199ae0153b284c76919711c11a2"
     "82a99096d5900dab77b0bb1a4c8d7edba476fd765596e6764f00a7e057c92dd9d7a4013e0c96186943176edc20b1dc25"
     "36c6a0571c6f713e679badc17f334f92e850f943e8506c46bd187624430c40487ff5bc9e3101cdb38b01a55b8b271e08"
     "798074857b7d8c7887848a7a7e858383180c"},
    {DType::IQ4_NL,
     9.57924652,
     0.037796391,
     {0.681999207f, -0.928504944f, -0.101760864f, 0.532608032f},
     "35a0829f0af50ee44eabe2f1444eeefaefc902a069492d71e1fb04f44fabe211dd0fd20c8a1fe42a826e60c8f3fc9045"
     "aa05fcef265cc39ffe2b4291f0a8a0d7a531761e91facf529e9ff07204bf703241dae3505bf0def082001420d75ef8ee"
     "161fe119c2085a8aad61fdb501200a372da21bf6fb13ede76dcce283c0e132a06ee6cea61f26f3a69a02b670a4221537"},
    {DType::IQ4_XS,
     9.49766064,
     0.0379555653,
     {0.681999207f, -0.928504944f, -0.100142956f, 0.534095764f},
     "350c303c202df30e829f0af50ee44eabe2f1444eeefaefc969492d70e1fb04f44fabe211dd0fd20ce42a826d60c8f3fc"
     "9045aa05fcef265cfe2b4291f0a8a0d7a531762e91facf52f07204bf703241dae3506bf0def08200d75ef8ee161fe119"
     "c2085a8aad61fdb50a372da21bf6fb13ede76dcce283d0e16ee6cea61f26f3a69a02b670a4221537"},
    {DType::MXFP4,
     7.5,
     0.0919187645,
     {0.75f, -0.75f, -0.125f, 0.5f},
     "7c97af7bf57ff55fccf7f7555ffffcffea7c395a6e17f7fc75f55fccf777ee7fe67d7c7df30fa6bf507e751fdc43fc75"
     "77eac57cff6c5697f7b9b7e1b467227f97fcef477cf71675cf176757ebe6473cf7eff707777c69c77077faf77ff26ff0"
     "c20336bf764d7cf3eaf63ff57b75fe7669b6657e0e6f7f7c3ff3efc37f74f6b3ac77c217b5677462"},
};

std::vector<float> golden_input() {
  std::vector<float> x(256);
  uint32_t s = 12345;
  for (float& value : x) {
    s = (1103515245u * s + 12345u) & 0x7FFFFFFF;
    value = (static_cast<float>(s >> 8 & 0xFFFF) - 32768.0f) / 32768.0f;
  }
  return x;
}

std::string hex_of(const std::vector<uint8_t>& bytes) {
  std::string text;
  for (const uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

std::vector<uint8_t> bytes_of(const std::string& hex) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

class GoldenBlock : public ::testing::TestWithParam<Golden> {};

TEST_P(GoldenBlock, Encodes) {
  const Golden& golden = GetParam();
  const std::vector<float> x = golden_input();
  std::vector<uint8_t> bytes(static_cast<size_t>(row_bytes(golden.dtype, 256)), 0xAA);
  encode(golden.dtype, x.data(), bytes.data(), 256);
  EXPECT_EQ(hex_of(bytes), golden.hex);
}

TEST_P(GoldenBlock, Decodes) {
  const Golden& golden = GetParam();
  const std::vector<float> x = golden_input();
  const std::vector<uint8_t> bytes = bytes_of(golden.hex);
  std::vector<float> y(256);
  decode(golden.dtype, bytes.data(), y.data(), 256);
  double sum = 0, squares = 0;
  for (int i = 0; i < 256; ++i) {
    sum += y[i];
    squares += (double{y[i]} - x[i]) * (double{y[i]} - x[i]);
  }
  EXPECT_NEAR(sum, golden.sum, 1e-7);
  EXPECT_NEAR(std::sqrt(squares / 256), golden.rmse, 1e-9);
  EXPECT_FLOAT_EQ(y[0], golden.y[0]);
  EXPECT_FLOAT_EQ(y[1], golden.y[1]);
  EXPECT_FLOAT_EQ(y[33], golden.y[2]);
  EXPECT_FLOAT_EQ(y[255], golden.y[3]);
}

// Blocks may begin at odd addresses: files promise no alignment.
TEST_P(GoldenBlock, DecodesAtOddAddress) {
  const Golden& golden = GetParam();
  std::vector<uint8_t> bytes = bytes_of(golden.hex);
  std::vector<float> aligned(256), shifted(256);
  decode(golden.dtype, bytes.data(), aligned.data(), 256);
  bytes.insert(bytes.begin(), 0);
  decode(golden.dtype, bytes.data() + 1, shifted.data(), 256);
  EXPECT_EQ(aligned, shifted);
}

INSTANTIATE_TEST_SUITE_P(Quant, GoldenBlock, ::testing::ValuesIn(kGoldens),
                         [](const auto& info) { return std::string(name(info.param.dtype)); });

std::vector<DType> block_types() {
  std::vector<DType> types;
  for (int i = 0; i < kDTypes; ++i) {
    if (block_elements(static_cast<DType>(i)) > 1) types.push_back(static_cast<DType>(i));
  }
  return types;
}

TEST(Quant, ZerosStayZero) {
  const std::vector<float> zeros(256, 0.0f);
  for (const DType dtype : block_types()) {
    std::vector<uint8_t> bytes(static_cast<size_t>(row_bytes(dtype, 256)));
    std::vector<float> y(256, 1.0f);
    encode(dtype, zeros.data(), bytes.data(), 256);
    decode(dtype, bytes.data(), y.data(), 256);
    for (const float value : y) ASSERT_EQ(value, 0.0f) << name(dtype);
  }
}

TEST(Quant, ConstantsComeBackClosely) {
  for (const float constant : {0.5f, -0.5f, 3.0f}) {
    const std::vector<float> x(256, constant);
    for (const DType dtype : block_types()) {
      std::vector<uint8_t> bytes(static_cast<size_t>(row_bytes(dtype, 256)));
      std::vector<float> y(256);
      encode(dtype, x.data(), bytes.data(), 256);
      decode(dtype, bytes.data(), y.data(), 256);
      for (const float value : y) ASSERT_NEAR(value, constant, 0.02f * std::fabs(constant)) << name(dtype);
    }
  }
}

// Neither NaN, infinity nor huge numbers may leave the block or be undefined behaviour (the sanitizers watch).
TEST(Quant, AnyFloatEncodes) {
  const float odd[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 1e-45f, 1e-30f, -1e-30f};
  for (const DType dtype : block_types()) {
    for (const float value : odd) {
      for (const float rest : {0.0f, 1.0f, value}) {
        std::vector<float> x(256, rest);
        x[7] = value;
        std::vector<uint8_t> bytes(static_cast<size_t>(row_bytes(dtype, 256)) + 1, 0x5A);
        encode(dtype, x.data(), bytes.data(), 256);
        ASSERT_EQ(bytes.back(), 0x5A) << name(dtype);
        std::vector<float> y(256);
        decode(dtype, bytes.data(), y.data(), 256);
      }
    }
  }
}

// Any bytes decode: a hostile file's codes are at worst odd numbers.
RC_GTEST_PROP(Quant, AnyBytesDecode, ()) {
  const auto bytes = *rc::gen::container<std::vector<uint8_t>>(292, rc::gen::arbitrary<uint8_t>());
  for (const DType dtype : block_types()) {
    std::vector<float> y(static_cast<size_t>(block_elements(dtype)));
    decode(dtype, bytes.data(), y.data(), block_elements(dtype));
  }
}

// What was decoded from 8 bits encodes to the same values again: Q8_0's codes are a fixed point where the peak is code
// ±127.
RC_GTEST_PROP(Quant, Q8_0IsStable, ()) {
  auto x = *rc::gen::container<std::vector<float>>(
      32, rc::gen::map(rc::gen::inRange(-1000, 1001), [](int v) { return v / 1000.0f; }));
  uint8_t once[34], twice[34];
  float y[32], z[32];
  encode(DType::Q8_0, x.data(), once, 32);
  decode(DType::Q8_0, once, y, 32);
  encode(DType::Q8_0, y, twice, 32);
  decode(DType::Q8_0, twice, z, 32);
  for (int i = 0; i < 32; ++i) RC_ASSERT(std::fabs(z[i] - y[i]) <= 1e-3f);
}

TEST(Quant, ScaleMinPairsRoundTrip) {
  uint8_t packed[12] = {};
  ScaleMin pairs[8];
  for (int j = 0; j < 8; ++j) {
    pairs[j] = {static_cast<uint8_t>(9 * j), static_cast<uint8_t>(63 - 7 * j)};
    store_scale_min(packed, j, pairs[j]);
  }
  for (int j = 0; j < 8; ++j) {
    EXPECT_EQ(load_scale_min(packed, j).scale, pairs[j].scale);
    EXPECT_EQ(load_scale_min(packed, j).min, pairs[j].min);
  }
}

TEST(Quant, NearestIq4IsNearest) {
  for (int i = -1400; i <= 1400; ++i) {
    const float x = static_cast<float>(i) / 10;
    float least = INFINITY;
    for (const int8_t value : kIq4Values) least = std::min(least, std::fabs(x - value));
    ASSERT_EQ(std::fabs(x - kIq4Values[nearest_iq4(x)]), least) << x;
  }
}

}  // namespace
}  // namespace r1
