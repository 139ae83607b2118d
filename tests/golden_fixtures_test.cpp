// Every folder of fixtures/ against its goldens, on every kernel set, in exact mode (decisions.md 3). A folder added
// tomorrow is checked without a line of code here.
#include <functional>

#include "compute/reference.h"
#include "formats/safetensors.h"
#include "golden_model.h"
#include "tensor/quant.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;

struct Fixture {
  std::string name;
  fs::path folder;   // the checkpoint
  fs::path goldens;  // where its golden files are: another folder's where the weights are the same
};

std::vector<Fixture> all_fixtures() {
  std::vector<Fixture> fixtures;
  const auto folders = data_entries("fixtures");
  for (const auto& [name, folder] : folders) {
    if (!fs::exists(folder / "golden.json")) continue;
    Fixture fixture{name, folder, folder};
    const Json golden = read_json(folder / "golden.json");
    if (golden.contains("same_weights_as")) {
      const auto found = folders.find(golden["same_weights_as"].get<std::string>());
      if (found == folders.end()) continue;
      fixture.goldens = found->second;
    }
    fixtures.push_back(fixture);
  }
  return fixtures;
}

// golden.json and golden.safetensors of one fixture.
class Goldens {
 public:
  explicit Goldens(const fs::path& folder)
      : json(read_json(folder / "golden.json")), tensors_(folder / "golden.safetensors") {}

  Json json;

  std::vector<std::string> names(const std::string& prefix) const {
    std::vector<std::string> found;
    for (const auto& [name, tensor] : tensors_.tensors()) {
      if (name.starts_with(prefix)) found.push_back(name.substr(prefix.size()));
    }
    return found;
  }
  bool has(const std::string& name) const { return tensors_.find(name) != nullptr; }

  std::vector<double> reals(const std::string& name) const {
    const SafetensorsTensor* tensor = tensors_.find(name);
    R1_CHECK(tensor != nullptr, "{}", name);
    if (tensor->dtype == "F64") return numbers<double>(*tensor);
    R1_CHECK(tensor->dtype == "F32", "{} is {}", name, tensor->dtype);
    const auto narrow = numbers<float>(*tensor);
    return {narrow.begin(), narrow.end()};
  }
  std::vector<int64_t> integers(const std::string& name) const { return numbers<int64_t>(*tensors_.find(name)); }

  double logits_tolerance() const { return json["tolerance"]["logits_abs_f32"]; }
  double activations_tolerance() const { return json["tolerance"]["activations_rel_f32"]; }

  std::vector<int32_t> tokens(const std::string& sequence) const {
    for (const Json& s : json["sequences"]) {
      if (s["name"] == sequence) return s["tokens"].get<std::vector<int32_t>>();
    }
    R1_CHECK(false, "no sequence {}", sequence);
    return {};
  }

 private:
  template <typename T>
  static std::vector<T> numbers(const SafetensorsTensor& tensor) {
    std::vector<T> values(tensor.bytes.size() / sizeof(T));
    std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
    return values;
  }

  Safetensors tensors_;
};

void expect_logits(const Matrix& found, const std::vector<double>& wanted, size_t first_row, double tolerance,
                   const std::string& what) {
  std::vector<float> flat;
  for (size_t r = first_row; r < found.size(); ++r) flat.insert(flat.end(), found[r].begin(), found[r].end());
  expect_close<float, double>(flat, wanted, tolerance, what);
}

double largest(const std::vector<double>& values) {
  double most = 0;
  for (const double v : values) most = std::max(most, std::abs(v));
  return most;
}

DecoderOptions exact_with_mtp() {
  DecoderOptions options = DecoderOptions::exact();
  options.mtp = true;
  return options;
}

DecoderOptions exact_absorbed() {
  DecoderOptions options = DecoderOptions::exact();
  options.mla = MlaForm::Absorbed;
  return options;
}

class EveryKernelSet : public ::testing::TestWithParam<std::string> {
 protected:
  // Calls body for every fixture, with its name in whatever fails.
  void for_each_fixture(const std::function<void(const Fixture&)>& body) {
    const auto fixtures = all_fixtures();
    if (fixtures.empty()) GTEST_SKIP() << "needs fixtures/ (not in tests/data nor in ../shared/data)";
    for (const Fixture& fixture : fixtures) {
      SCOPED_TRACE(fixture.name);
      body(fixture);
    }
  }
};

TEST_P(EveryKernelSet, Logits) {
  for_each_fixture([](const Fixture& fixture) {
    const Goldens goldens(fixture.goldens);
    GoldenModel model(fixture.folder, GetParam(), DecoderOptions::exact());
    if (goldens.json.contains("parameters") && model.config().mtp_layers == 0) {
      EXPECT_EQ(model.config().parameters(), goldens.json["parameters"].get<int64_t>());
    }
    for (const Json& sequence : goldens.json["sequences"]) {
      const auto ids = sequence["tokens"].get<std::vector<int32_t>>();
      expect_logits(model.logits(ids), goldens.reals(sequence["tensor"]), sequence["first_row"],
                    goldens.logits_tolerance(), sequence["name"]);
    }
  });
}

TEST_P(EveryKernelSet, LogitsOfMlaAbsorbed) {
  for_each_fixture([](const Fixture& fixture) {
    const Goldens goldens(fixture.goldens);
    GoldenModel model(fixture.folder, GetParam(), exact_absorbed());
    if (!model.config().is_mla()) return;
    for (const Json& sequence : goldens.json["sequences"]) {
      const auto ids = sequence["tokens"].get<std::vector<int32_t>>();
      expect_logits(model.logits(ids), goldens.reals(sequence["tensor"]), sequence["first_row"],
                    goldens.logits_tolerance(), sequence["name"]);
    }
  });
}

// Sigmoid or softmax of all experts: what the router keeps to itself.
std::vector<float> router_scores(const Matrix& logits, RouterRule::Scores kind) {
  std::vector<float> scores;
  for (const auto& row : logits) {
    if (kind == RouterRule::Scores::Softmax) {
      for (const double z : log_softmax(row)) scores.push_back(static_cast<float>(std::exp(z)));
    } else {
      for (const double z : row) scores.push_back(static_cast<float>(1 / (1 + std::exp(-z))));
    }
  }
  return scores;
}

TEST_P(EveryKernelSet, Activations) {
  for_each_fixture([](const Fixture& fixture) {
    const Goldens goldens(fixture.goldens);
    GoldenModel model(fixture.folder, GetParam(), DecoderOptions::exact());
    std::map<std::string, std::vector<float>> seen;
    std::map<std::string, std::vector<int64_t>> chosen;
    Pass pass = model.pass();
    pass.observer = [&](std::string_view name, const Tensor& value) {
      if (value.dtype() == DType::I32) {
        chosen[std::string(name)] = {value.i32(), value.i32() + value.elements()};
        return;
      }
      const Matrix rows = rows_of(value);
      auto& flat = seen[std::string(name)];
      for (const auto& row : rows) flat.insert(flat.end(), row.begin(), row.end());
      if (name.ends_with("router.logits")) {
        const std::string scores = std::string(name).replace(name.size() - 6, 6, "scores");
        seen[scores] = router_scores(rows, model.config().router.scores);
      }
    };
    const auto ids = goldens.tokens(goldens.json["activations"]["sequence"]);
    Batch batch;
    batch.append(ids, 0, {}, 0);
    model.decoder().hidden(pass, batch);

    const auto names = goldens.names("act/");
    EXPECT_FALSE(names.empty());
    for (const std::string& name : names) {
      if (name.ends_with("router.experts")) {
        EXPECT_EQ(chosen[name], goldens.integers("act/" + name)) << name;
        continue;
      }
      const auto wanted = goldens.reals("act/" + name);
      ASSERT_TRUE(seen.contains(name)) << name << " was never observed";
      expect_close<float, double>(seen[name], wanted, goldens.activations_tolerance() * largest(wanted), name);
    }
  });
}

TEST_P(EveryKernelSet, GreedyThroughTheCache) {
  for_each_fixture([](const Fixture& fixture) {
    const Goldens goldens(fixture.goldens);
    for (const DecoderOptions& options : {DecoderOptions::exact(), exact_absorbed()}) {
      GoldenModel model(fixture.folder, GetParam(), options, /*threads=*/1);
      const auto cache = model.make_cache(3);
      for (const Json& greedy : goldens.json["greedy"]) {
        auto ids = greedy["prompt"].get<std::vector<int32_t>>();
        const size_t prompt = ids.size();
        const auto wanted = greedy["tokens"].get<std::vector<int32_t>>();
        const std::vector<int32_t> pages = {2, 0};
        for (size_t done = 0; ids.size() < prompt + wanted.size();) {
          Batch batch;
          batch.append(std::span(ids).subspan(done), static_cast<int32_t>(done), pages, 1);
          Pass pass = model.pass(cache.get());
          done = ids.size();
          ids.push_back(argmax(rows_of(model.decoder().forward(pass, batch))[0]));
        }
        EXPECT_EQ(std::vector<int32_t>(ids.begin() + static_cast<int64_t>(prompt), ids.end()), wanted);
      }
      if (!model.config().is_mla()) break;
    }
  });
}

// A row's bits are its own: whatever the chunks, the pages and the neighbours (decisions.md 3), in both modes and MLA
// forms.
TEST_P(EveryKernelSet, SameBitsInChunksAndAmongNeighbours) {
  for_each_fixture([](const Fixture& fixture) {
    const Goldens goldens(fixture.goldens);
    const auto ids = goldens.tokens("len65"), other = goldens.tokens("len17"), one = goldens.tokens("len1");
    for (const DecoderOptions& options : {DecoderOptions::exact(), exact_absorbed(), DecoderOptions{}}) {
      GoldenModel model(fixture.folder, GetParam(), options, /*threads=*/1);
      const Matrix alone = model.logits(ids);
      const auto cache = model.make_cache(8);
      const std::vector<int32_t> pages = {6, 1}, more_pages = {4, 5}, other_pages = {3}, one_pages = {0};
      expect_same_bits(model.logits_in_chunks(ids, *cache, pages, {65}), alone, "on pages");
      expect_same_bits(model.logits_in_chunks(ids, *cache, more_pages, {1}), alone, "token by token");
      expect_same_bits(model.logits_in_chunks(ids, *cache, pages, {5, 17, 40, 3}), alone, "in chunks");

      Batch batch;
      batch.append(other, 0, other_pages, 1);
      batch.append(ids, 0, pages, static_cast<int32_t>(ids.size()));
      batch.append(one, 0, one_pages, 0);
      Pass pass = model.pass(cache.get());
      Matrix together = rows_of(model.decoder().forward(pass, batch));
      expect_same_bits({together[0]}, {model.logits(other).back()}, "first of three");
      together.erase(together.begin());
      expect_same_bits(together, alone, "second of three");
    }
  });
}

TEST_P(EveryKernelSet, SameBitsOnAnyNumberOfThreads) {
  for_each_fixture([](const Fixture& fixture) {
    const Goldens goldens(fixture.goldens);
    const auto ids = goldens.tokens("len65");
    for (const DecoderOptions& options : {DecoderOptions::exact(), DecoderOptions{}}) {
      const Matrix one = GoldenModel(fixture.folder, GetParam(), options, 1).logits(ids);
      for (const int threads : {2, 3, 7}) {
        expect_same_bits(GoldenModel(fixture.folder, GetParam(), options, threads).logits(ids), one,
                         fmt::format("{} threads", threads));
      }
    }
  });
}

// ---- multi-token prediction ----

// Rows 0 … n-1 of the MTP layer without a cache: g after shared_head.norm, and its logits.
struct MtpRows {
  Matrix normed, logits;
};

MtpRows run_mtp(GoldenModel& model, const std::vector<int32_t>& ids, int32_t rows, bool before_norm) {
  Matrix before;
  Pass pass = model.pass();
  const std::string last = fmt::format("layer{}.out", model.config().layers - 1);
  pass.observer = [&](std::string_view name, const Tensor& value) {
    if (name == last) before = rows_of(value);
  };
  Batch batch;
  batch.append(std::span(ids).first(static_cast<size_t>(rows)), 0, {}, 0);
  const Tensor hidden = model.decoder().hidden(pass, batch);
  pass.observer = nullptr;
  if (before_norm) {
    for (int64_t r = 0; r < hidden.rows(); ++r) std::copy(before[r].begin(), before[r].end(), hidden.f32(r));
  }
  const std::vector<int32_t> next(ids.begin() + 1, ids.begin() + 1 + rows);
  const Tensor g = model.decoder().mtp_hidden(pass, batch, hidden, next);
  return {rows_of(g), rows_of(model.decoder().logits(pass, g))};
}

TEST_P(EveryKernelSet, MultiTokenPrediction) {
  for_each_fixture([](const Fixture& fixture) {
    const Goldens goldens(fixture.goldens);
    if (!goldens.json.contains("mtp") || fixture.folder != fixture.goldens) return;
    for (const MlaForm form : {MlaForm::Expanded, MlaForm::Absorbed}) {
      DecoderOptions options = exact_with_mtp();
      options.mla = form;
      GoldenModel model(fixture.folder, GetParam(), options);
      ASSERT_TRUE(model.decoder().has_mtp());
      const double tolerance = goldens.logits_tolerance();
      const auto ids = goldens.tokens(goldens.json["mtp"]["sequence"]);
      const auto rows = static_cast<int32_t>(ids.size()) - 1;
      const MtpRows after = run_mtp(model, ids, rows, false);
      expect_logits(after.logits, goldens.reals("mtp/logits"), 0, tolerance, "mtp/logits");
      const auto normed = goldens.reals("mtp/normed_g");
      expect_logits(after.normed, normed, 0, goldens.activations_tolerance() * largest(normed), "mtp/normed_g");
      expect_logits(run_mtp(model, ids, rows, true).logits, goldens.reals("mtp/logits_hidden_before_norm"), 0,
                    tolerance, "mtp/logits_hidden_before_norm");
    }
  });
}

// Three drafts after the sequence and the main model's next token, each from the state before it, through the cache.
TEST_P(EveryKernelSet, ChainedDrafts) {
  for_each_fixture([](const Fixture& fixture) {
    const Goldens goldens(fixture.goldens);
    if (!goldens.json.contains("mtp") || fixture.folder != fixture.goldens) return;
    GoldenModel model(fixture.folder, GetParam(), exact_with_mtp());
    const auto cache = model.make_cache(2);
    const std::vector<int32_t> pages = {1, 0};
    const auto ids = goldens.tokens(goldens.json["mtp"]["sequence"]);
    Batch batch;
    batch.append(ids, 0, pages, 1);
    Pass pass = model.pass(cache.get());
    const Tensor hidden = model.decoder().hidden(pass, batch);
    std::vector<int32_t> next(ids.begin() + 1, ids.end());
    next.push_back(goldens.json["mtp"]["next_token"]);
    const Tensor last = hidden.slice_rows(hidden.rows() - 1, hidden.rows());
    EXPECT_EQ(argmax(rows_of(model.decoder().logits(pass, last))[0]), next.back());

    Tensor g = model.decoder().mtp_hidden(pass, batch, hidden, next);
    g = g.slice_rows(g.rows() - 1, g.rows());
    Matrix draft_logits;
    std::vector<int32_t> drafts;
    for (int32_t k = 0; k < 3; ++k) {
      draft_logits.push_back(rows_of(model.decoder().logits(pass, g))[0]);
      drafts.push_back(argmax(draft_logits.back()));
      Batch one;
      const int32_t filler = 0;  // the row's own id is not read: MTP sees the next token
      one.append({&filler, 1}, static_cast<int32_t>(ids.size()) + k, pages, 1);
      g = model.decoder().mtp_hidden(pass, one, g, {&drafts.back(), 1});
    }
    EXPECT_EQ(drafts, goldens.json["mtp"]["drafts"].get<std::vector<int32_t>>());
    expect_logits(draft_logits, goldens.reals("mtp/draft_logits"), 0, goldens.logits_tolerance(), "mtp/draft_logits");
  });
}

// MTP bound but unused changes nothing; promised but not in the files is no error.
TEST_P(EveryKernelSet, MtpBoundChangesNothing) {
  for_each_fixture([](const Fixture& fixture) {
    const Goldens goldens(fixture.goldens);
    GoldenModel with(fixture.folder, GetParam(), exact_with_mtp());
    if (with.config().mtp_layers == 0) return;
    EXPECT_EQ(with.decoder().has_mtp(), with.source().find("model.layers.3.eh_proj.weight").has_value());
    GoldenModel without(fixture.folder, GetParam(), DecoderOptions::exact());
    EXPECT_FALSE(without.decoder().has_mtp());
    const auto ids = goldens.tokens("len17");
    expect_same_bits(with.logits(ids), without.logits(ids), "logits");
  });
}

INSTANTIATE_TEST_SUITE_P(Golden, EveryKernelSet, ::testing::ValuesIn(all_kernel_sets()),
                         [](const auto& info) { return info.param; });

// ---- FP8 (model.md 7): codes times scales, bit for bit ----

TEST(GoldenFp8, Dequantised) {
  for (const Fixture& fixture : all_fixtures()) {
    const Goldens goldens(fixture.goldens);
    const auto source = open_source(fixture.folder);
    for (const std::string& name : goldens.names("fp8/dequant/")) {
      const auto codes = source->find(name), scales = source->find(name + "_scale_inv");
      ASSERT_TRUE(codes && scales) << name;
      const Tensor& values = codes->values;
      const Weight weight{values.dtype(), values.rows(), values.cols(), values, scales->values, nullptr};
      const auto wanted = goldens.reals("fp8/dequant/" + name);
      std::vector<float> row(static_cast<size_t>(weight.cols));
      for (int64_t r = 0; r < weight.rows; ++r) {
        decode_row(weight, r, row.data());
        for (int64_t c = 0; c < weight.cols; ++c) {
          ASSERT_EQ(row[static_cast<size_t>(c)], wanted[static_cast<size_t>(r * weight.cols + c)]) << name;
        }
      }
    }
  }
}

// The other way: scale = amax / 448 of a block of 128 by 128, codes of w / scale.
TEST(GoldenFp8, Quantised) {
  for (const Fixture& fixture : all_fixtures()) {
    const Goldens goldens(fixture.goldens);
    const auto source = open_source(fixture.folder);
    for (const std::string& name : goldens.names("fp8/source/")) {
      const Tensor codes = source->find(name)->values, scales = source->find(name + "_scale_inv")->values;
      const auto w = goldens.reals("fp8/source/" + name);
      const int64_t cols = codes.cols();
      std::vector<float> most(static_cast<size_t>(scales.elements()));
      const auto block = [&](int64_t r, int64_t c) { return static_cast<size_t>(r / 128 * scales.cols() + c / 128); };
      for (int64_t r = 0; r < codes.rows(); ++r) {
        for (int64_t c = 0; c < cols; ++c) {
          most[block(r, c)] = std::max(most[block(r, c)], static_cast<float>(std::abs(w[r * cols + c])));
        }
      }
      for (size_t b = 0; b < most.size(); ++b) {
        float stored;
        std::memcpy(&stored, scales.data() + b * sizeof stored, sizeof stored);
        ASSERT_EQ(most[b] / 448, stored) << name << " block " << b;
      }
      for (int64_t r = 0; r < codes.rows(); ++r) {
        for (int64_t c = 0; c < cols; ++c) {
          const float value = static_cast<float>(w[r * cols + c]) / (most[block(r, c)] / 448);
          ASSERT_EQ(f32_to_e4m3(value), static_cast<uint8_t>(codes.row(r)[c])) << name << " at " << r << ", " << c;
        }
      }
    }
  }
}

}  // namespace
}  // namespace r1
