// Every file of models/tiny-llama-gguf/index.jsonl against a second engine's logits, on every kernel set, in exact
// mode: quantised types and GGUF layouts. A file added to the index tomorrow is checked without a line of code here.
#include <fstream>

#include "golden_model.h"

namespace r1 {
namespace {

constexpr const char* kFolder = "models/tiny-llama-gguf/";

// Types that formats.md names without specifying them: a file with these must be refused, naming the type.
bool has_unspecified_types(const std::string& file) {
  return file.ends_with("mixed-iq.gguf") || file.ends_with("mixed-ternary.gguf");
}

double tolerance_of(const std::string& file) { return file.ends_with("deepseek2-lite.gguf") ? 5e-4 : 2e-4; }

struct IndexLine {
  std::string file;
  std::filesystem::path path;
  Json json;
};

// The lines of every root's index whose files are here, each file once.
std::vector<IndexLine> index_lines() {
  std::map<std::string, IndexLine> lines;
  for (const auto& root : data_roots()) {
    std::ifstream stream(root / kFolder / "index.jsonl");
    for (std::string line; std::getline(stream, line);) {
      const Json json = parse_json(line, "index.jsonl");
      const std::string file = json["file"];
      if (const auto path = find_data(kFolder + file)) lines.emplace(file, IndexLine{file, *path, json});
    }
  }
  std::vector<IndexLine> list;
  for (auto& [file, line] : lines) list.push_back(std::move(line));
  return list;
}

std::vector<float> golden_logits(const std::string& file) {
  const auto path = find_data(kFolder + file);
  R1_CHECK(path.has_value(), "{}", file);
  return read_numbers<float>(*path);
}

std::vector<float> picked(const Matrix& logits, const std::vector<int32_t>& positions) {
  std::vector<float> flat;
  for (const int32_t p : positions) flat.insert(flat.end(), logits[p].begin(), logits[p].end());
  return flat;
}

class EveryGguf : public ::testing::TestWithParam<std::string> {};

void expect_logits_of(const IndexLine& line, DecoderOptions options) {
  GoldenModel model(line.path, EveryGguf::GetParam(), options);
  const Matrix logits = model.logits(line.json["ids"].get<std::vector<int32_t>>());
  const auto positions = line.json["positions"].get<std::vector<int32_t>>();
  const std::vector<float> found = picked(logits, positions), wanted = golden_logits(line.json["logits"]);
  expect_close<float, float>(found, wanted, tolerance_of(line.file), line.file);
  std::vector<int32_t> best;
  for (const int32_t p : positions) best.push_back(argmax(logits[p]));
  EXPECT_EQ(best, line.json["argmax"].get<std::vector<int32_t>>());
}

TEST_P(EveryGguf, Logits) {
  const auto lines = index_lines();
  if (lines.empty()) GTEST_SKIP() << "needs " << kFolder << " (not in tests/data nor in ../shared/data)";
  for (const IndexLine& line : lines) {
    if (has_unspecified_types(line.file)) continue;
    SCOPED_TRACE(line.file);
    expect_logits_of(line, DecoderOptions::exact());
  }
}

TEST_P(EveryGguf, LogitsOfMlaAbsorbed) {
  const auto lines = index_lines();
  if (lines.empty()) GTEST_SKIP() << "needs " << kFolder << " (not in tests/data nor in ../shared/data)";
  DecoderOptions options = DecoderOptions::exact();
  options.mla = MlaForm::Absorbed;
  for (const IndexLine& line : lines) {
    if (line.json["architecture"] != "deepseek2") continue;
    SCOPED_TRACE(line.file);
    expect_logits_of(line, options);
  }
}

// In the default mode logits say little (activations may be rounded to 8 bits), their distribution much: KL about 5e-3
// at most.
TEST_P(EveryGguf, DistributionInFastMode) {
  const auto lines = index_lines();
  if (lines.empty()) GTEST_SKIP() << "needs " << kFolder << " (not in tests/data nor in ../shared/data)";
  for (const IndexLine& line : lines) {
    if (has_unspecified_types(line.file) || line.json.contains("smallest_routing_gap")) continue;  // experts may flip
    SCOPED_TRACE(line.file);
    GoldenModel model(line.path, GetParam(), DecoderOptions{});
    const auto positions = line.json["positions"].get<std::vector<int32_t>>();
    const std::vector<float> wanted = golden_logits(line.json["logits"]);
    const Matrix logits = model.logits(line.json["ids"].get<std::vector<int32_t>>());
    const auto vocabulary = static_cast<size_t>(model.config().vocabulary);
    double kl = 0;
    for (size_t i = 0; i < positions.size(); ++i) {
      const auto p = log_softmax(std::span(wanted).subspan(i * vocabulary, vocabulary));
      const auto q = log_softmax(logits[positions[i]]);
      for (size_t t = 0; t < vocabulary; ++t)
        kl += std::exp(p[t]) * (p[t] - q[t]) / static_cast<double>(positions.size());
    }
    EXPECT_LE(kl, 5e-3);
  }
}

TEST_P(EveryGguf, MultiTokenPrediction) {
  const auto golden = find_data(std::string(kFolder) + "mtp.json");
  if (!golden) GTEST_SKIP() << "needs " << kFolder << "mtp.json (not in tests/data nor in ../shared/data)";
  const Json json = read_json(*golden);
  const auto path = find_data(kFolder + json["file"].get<std::string>());
  if (!path) GTEST_SKIP() << "needs " << json["file"];
  DecoderOptions options = DecoderOptions::exact();
  options.mtp = true;
  GoldenModel model(*path, GetParam(), options);
  ASSERT_TRUE(model.decoder().has_mtp());
  const auto ids = json["ids"].get<std::vector<int32_t>>();
  Batch batch;
  batch.append(std::span(ids).first(ids.size() - 1), 0, {}, 0);
  Pass pass = model.pass();
  const Tensor hidden = model.decoder().hidden(pass, batch);
  const Tensor g = model.decoder().mtp_hidden(pass, batch, hidden, std::span(ids).subspan(1));
  const Matrix logits = rows_of(model.decoder().logits(pass, g));
  std::vector<int32_t> all(logits.size());
  std::iota(all.begin(), all.end(), 0);
  expect_close<float, float>(picked(logits, all), golden_logits(json["logits"]), 2e-4, "mtp logits");
  std::vector<int32_t> best;
  for (const auto& row : logits) best.push_back(argmax(row));
  EXPECT_EQ(best, json["argmax"].get<std::vector<int32_t>>());
}

INSTANTIATE_TEST_SUITE_P(Golden, EveryGguf, ::testing::ValuesIn(all_kernel_sets()),
                         [](const auto& info) { return info.param; });

TEST(GoldenGguf, UnspecifiedTypesAreRefusedByName) {
  int refused = 0;
  for (const IndexLine& line : index_lines()) {
    if (!has_unspecified_types(line.file)) continue;
    ++refused;
    try {
      open_source(line.path);
      ADD_FAILURE() << line.file << " was accepted";
    } catch (const Error& error) {
      const std::string sentence = error.what();
      const bool iq = line.file.ends_with("mixed-iq.gguf");
      EXPECT_EQ(error.exit(), Exit::kBadModel) << sentence;
      EXPECT_NE(sentence.find(line.file.substr(line.file.find('/') + 1)), std::string::npos) << sentence;
      std::string upper = sentence;
      for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      bool named = false;
      for (const char* type :
           iq ? std::vector{"IQ1_", "IQ2_", "IQ3_"} : std::vector{"TQ1_0", "TQ2_0", "Q1_0", "Q2_0", "NVFP4"}) {
        named = named || upper.find(type) != std::string::npos;
      }
      EXPECT_TRUE(named) << sentence;
    }
  }
  if (refused == 0) GTEST_SKIP() << "needs " << kFolder << "quant/llama-mixed-*.gguf (in ../shared/data)";
}

}  // namespace
}  // namespace r1
