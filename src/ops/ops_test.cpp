// Every op of the folder on the reference backend and on the best kernel set: shapes, where results land, and that
// groups, pages and strides change no number. What kernels compute is judged in compute/.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "base/random.h"
#include "ops/activation.h"
#include "ops/attention.h"
#include "ops/linear.h"
#include "ops/moe.h"
#include "ops/norm.h"
#include "ops/rope.h"
#include "ops/rows.h"

namespace r1 {
namespace {

class Ops : public ::testing::TestWithParam<std::string> {
 protected:
  Tensor random_tensor(int64_t rows, int64_t cols) {
    const Tensor t = arena_.tensor({rows, cols});
    for (int64_t i = 0; i < rows * cols; ++i)
      t.f32()[i] = static_cast<float>(normal(1, stream_, static_cast<uint64_t>(i)));
    ++stream_;
    return t;
  }

  Linear random_linear(int64_t out, int64_t in, bool biased = false) {
    const Weight stored{DType::F32, out, in, random_tensor(out, in), {}, nullptr};
    return {backend_->pack(stored), biased ? random_tensor(1, out).reshape({out}) : Tensor()};
  }

  static std::vector<float> numbers(const Tensor& t) {
    std::vector<float> all;
    for (int64_t r = 0; r < t.rows(); ++r) all.insert(all.end(), t.f32(r), t.f32(r) + t.cols());
    return all;
  }

  std::unique_ptr<Backend> backend_ = open_backend(GetParam());
  Arena arena_{*backend_};
  Pass pass_{.backend = *backend_, .arena = arena_};
  uint64_t stream_ = 0;
};

TEST_P(Ops, LinearsAreSumsOfProducts) {
  const Tensor x = random_tensor(5, 24), values = random_tensor(7, 24);
  const Linear a{backend_->pack({DType::F32, 7, 24, values, {}, nullptr}), random_tensor(1, 7).reshape({7})};
  const Linear b = random_linear(40, 24);
  const auto [ya, yb] = linears(pass_, x, a, b);
  EXPECT_EQ(numbers(ya), numbers(linear(pass_, x, a)));
  EXPECT_EQ(numbers(yb), numbers(exact_linear(pass_, x, b)));
  for (int64_t r = 0; r < 5; ++r) {
    for (int64_t c = 0; c < 7; ++c) {
      double sum = a.bias.f32()[c];
      for (int64_t i = 0; i < 24; ++i) sum += static_cast<double>(x.f32(r)[i]) * values.f32(c)[i];
      EXPECT_NEAR(ya.f32(r)[c], sum, 1e-5);
    }
  }
}

TEST_P(Ops, HeadLinearsReadAndWriteTheirColumns) {
  const int64_t n = 3, heads = 4, x_width = 10, in = 6, out = 5, y_width = 8;
  const Tensor x = random_tensor(n, heads * x_width), y = arena_.tensor({n, heads * y_width});
  std::memset(y.data(), 0, static_cast<size_t>(y.bytes()));
  std::vector<Linear> maps;
  for (int64_t h = 0; h < heads; ++h) maps.push_back(random_linear(out, in));
  head_linears(pass_, y, x, maps);
  for (int64_t h = 0; h < heads; ++h) {
    const Tensor part = arena_.tensor({n, in});
    copy_rows(pass_, part, x.slice_cols(h * x_width, h * x_width + in));
    const Tensor alone = linear(pass_, part, maps[static_cast<size_t>(h)]);
    EXPECT_EQ(numbers(y.slice_cols(h * y_width, h * y_width + out)), numbers(alone)) << h;
    for (const float rest : numbers(y.slice_cols(h * y_width + out, (h + 1) * y_width))) EXPECT_EQ(rest, 0);
  }
}

TEST_P(Ops, NormsOfHeadsAreNormsOfRows) {
  const Tensor x = random_tensor(3, 4 * 16);
  const RmsNorm norm{random_tensor(1, 16).reshape({16}), 1e-6f};
  const Tensor y = head_rms_norm(pass_, x, norm);
  EXPECT_EQ(y.shape_text(), "[3, 64]");
  EXPECT_EQ(numbers(y), numbers(rms_norm(pass_, x.reshape({12, 16}), norm)));
}

// model.md 3.1
TEST_P(Ops, NormOfOneToFour) {
  const Tensor x = arena_.tensor({1, 4}), gain = arena_.tensor({4});
  for (int i = 0; i < 4; ++i) {
    x.f32()[i] = static_cast<float>(i + 1);
    gain.f32()[i] = 1;
  }
  const double wanted[] = {0.3651483, 0.7302967, 1.095445, 1.4605934};
  const Tensor y = rms_norm(pass_, x, {gain, 1e-6f});
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(y.f32()[i], wanted[i], 1e-6);
}

TEST_P(Ops, AddAndSiluConsumeTheirFirst) {
  const Tensor x = random_tensor(2, 20), y = random_tensor(2, 20);
  const auto a = numbers(x), b = numbers(y);
  EXPECT_EQ(add(pass_, x, y).data(), x.data());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_EQ(x.f32()[i], a[i] + b[i]);
  const auto gate = numbers(x);
  EXPECT_EQ(silu_mul(pass_, x, y).data(), x.data());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_NEAR(x.f32()[i], gate[i] / (1 + std::exp(-static_cast<double>(gate[i]))) * b[i], 1e-5);
  }
}

TEST_P(Ops, CopyRowsRepeatsEach) {
  const Tensor x = random_tensor(3, 7), wide = random_tensor(6, 9);
  copy_rows(pass_, wide.slice_cols(2, 9), x);
  for (int64_t r = 0; r < 6; ++r) {
    EXPECT_EQ(std::memcmp(wide.f32(r) + 2, x.f32(r / 2), 7 * sizeof(float)), 0) << r;
  }
}

TEST_P(Ops, GatherAndEmbed) {
  const Tensor x = random_tensor(5, 12);
  const std::vector<int32_t> index = {4, 0, 4};
  const Tensor y = gather_rows(pass_, x, index);
  for (int64_t i = 0; i < 3; ++i) EXPECT_EQ(std::memcmp(y.f32(i), x.f32(index[static_cast<size_t>(i)]), 48), 0);
  const Weight table{DType::F32, 5, 12, x, {}, nullptr};
  EXPECT_EQ(numbers(embed(pass_, table, index)), numbers(y));
  EXPECT_EQ(numbers(embed(pass_, backend_->pack(table), index)), numbers(y));
}

TEST_P(Ops, RopeTurnsTheLastColumnsOfEveryHead) {
  const Tensor x = random_tensor(2, 3 * 10);
  const auto before = numbers(x);
  const Tensor table = arena_.tensor({2, 4});  // a turn by nothing, and a turn by a right angle
  const float turns[] = {1, 1, 0, 0, 0, 0, 1, 1};
  std::memcpy(table.f32(), turns, sizeof turns);
  const std::vector<int32_t> index = {0, 1};
  rope(pass_, x, {table, index, RopePairing::Interleaved}, 3);
  for (size_t i = 0; i < 30; ++i) EXPECT_EQ(x.f32(0)[i], before[i]);
  for (size_t h = 0; h < 3; ++h) {
    const float* now = x.f32(1) + h * 10;
    const float* was = before.data() + 30 + h * 10;
    for (size_t i = 0; i < 6; ++i) EXPECT_EQ(now[i], was[i]);
    for (size_t i = 6; i < 10; i += 2) {
      EXPECT_EQ(now[i], -was[i + 1]);
      EXPECT_EQ(now[i + 1], was[i]);
    }
  }
}

// ---- experts ----

TEST_P(Ops, ExpertsTogetherAreExpertsApart) {
  const int64_t n = 9, d = 32, ffn = 24;
  const int experts = 6, chosen = 2;
  std::vector<Expert> all;
  for (int e = 0; e < experts; ++e)
    all.push_back({random_linear(ffn, d), random_linear(ffn, d), random_linear(d, ffn)});
  const Tensor x = random_tensor(n, d), logits = random_tensor(n, experts), base = random_tensor(n, d);
  RouterRule rule;
  rule.experts = experts;
  rule.chosen = chosen;
  const auto start = numbers(base);
  const Routing routing = route(pass_, logits, {}, rule);
  const Tensor y = mix_experts(pass_, base, x, routing, all);
  EXPECT_EQ(y.data(), base.data());
  for (int64_t r = 0; r < n; ++r) {
    std::vector<double> sum(static_cast<size_t>(d));
    for (int j = 0; j < chosen; ++j) {
      const Expert& expert = all[static_cast<size_t>(routing.experts.i32(r)[j])];
      const Tensor row = x.slice_rows(r, r + 1);
      const Tensor out =
          linear(pass_, silu_mul(pass_, linear(pass_, row, expert.gate), linear(pass_, row, expert.up)), expert.down);
      for (int64_t c = 0; c < d; ++c)
        sum[static_cast<size_t>(c)] += routing.weights.f32(r)[j] * static_cast<double>(out.f32()[c]);
    }
    for (int64_t c = 0; c < d; ++c) {
      EXPECT_NEAR(y.f32(r)[c], start[static_cast<size_t>(r * d + c)] + sum[static_cast<size_t>(c)], 1e-4);
    }
  }
}

// The worked example of model.md 3.8.
TEST_P(Ops, RoutesAsTheWorkedExample) {
  const float z[] = {0.2f, -0.4f, 1.1f, 0.9f, -1.5f, 0.3f, 0.6f, 0.8f};
  const float b[] = {0, 0.3f, -0.2f, 0, 0.4f, 0.1f, 0, -0.05f};
  RouterRule rule{RouterRule::Scores::Sigmoid, RouterRule::Groups::TwoBest, 8, 2, 4, 2, true, 2.5f};
  const Tensor logits(z, DType::F32, {1, 8}), bias(b, DType::F32, {8});
  const Routing routing = route(pass_, logits, bias, rule);
  EXPECT_EQ(routing.experts.i32()[0], 3);
  EXPECT_EQ(routing.experts.i32()[1], 6);
  EXPECT_NEAR(routing.weights.f32()[0], 1.310162, 1e-6);
  EXPECT_NEAR(routing.weights.f32()[1], 1.189838, 1e-6);
  rule.groups = RouterRule::Groups::None;
  EXPECT_EQ(route(pass_, logits, bias, rule).experts.i32()[0], 1);
}

// ---- attention ----

struct AttentionCase {
  int heads = 4, kv_heads = 2, key_dim = 8, value_dim = 6;
  bool value_in_key = false;
  DType dtype = DType::F32;
};

// It looks into its own memory: moved it goes on looking there, copied it would look into another's.
static_assert(std::is_move_constructible_v<PagedRows> && !std::is_copy_constructible_v<PagedRows>);

// Pages of a cache, in any order, and scratch pages full of NaN give the same bits: nobody reads behind a row's own
// position.
TEST_P(Ops, AttentionOnPagesIsAttentionOnScratch) {
  const AttentionCase cases[] = {
      {}, {4, 1, 12, 8, true}, {3, 3, 16, 16, false, DType::BF16}, {4, 1, 12, 8, true, DType::BF16}};
  for (const AttentionCase& c : cases) {
    const KvShape shape{c.kv_heads, c.key_dim, c.value_dim, c.value_in_key, c.dtype};
    const int64_t n = 150;
    arena_.reset();
    const size_t plenty = size_t{4} << 20;
    std::memset(arena_.take(plenty), 0xff, plenty);
    arena_.reset();
    const Tensor q = random_tensor(n, c.heads * c.key_dim), k = random_tensor(n, c.kv_heads * c.key_dim);
    const Tensor v = c.value_in_key ? Tensor() : random_tensor(n, c.kv_heads * c.value_dim);
    const std::vector<int32_t> ids(static_cast<size_t>(n), 0), pages = {3, 0, 4};
    Batch alone, paged;
    alone.append(ids, 0, {}, 0);
    paged.append(ids, 0, pages, 0);

    PagedRows scratch(pass_, alone, shape);
    const Tensor on_scratch = attention(pass_, q, k, v, c.heads, 0.3f, scratch, 0);
    KvCache cache(*backend_, shape, 2, 5);
    Pass with_cache{.backend = *backend_, .arena = arena_, .cache = &cache};
    PagedRows made(with_cache, paged, shape);
    PagedRows rows = std::move(made);
    const Tensor on_pages = attention(with_cache, q, k, v, c.heads, 0.3f, rows, 1);
    EXPECT_EQ(on_pages.shape_text(), on_scratch.shape_text());
    EXPECT_EQ(std::memcmp(on_pages.data(), on_scratch.data(), static_cast<size_t>(on_pages.bytes())), 0);
    for (const float value : numbers(on_pages)) ASSERT_TRUE(std::isfinite(value));
  }
}

TEST_P(Ops, ScratchGivesBack) {
  const size_t before = arena_.used();
  {
    const Scratch scratch(pass_);
    arena_.tensor({100, 100});
    EXPECT_GT(arena_.used(), before);
  }
  EXPECT_EQ(arena_.used(), before);
}

INSTANTIATE_TEST_SUITE_P(Backends, Ops, ::testing::Values("reference", "cpu"), [](const auto& i) { return i.param; });

// ---- batch ----

TEST(Batch, AppendsSequences) {
  const std::vector<int32_t> first = {5, 6, 7}, second = {8}, pages = {2, 9};
  Batch batch;
  batch.append(first, 0, {}, 1);
  batch.append(second, 70, pages, 1);
  EXPECT_EQ(batch.tokens, (std::vector<int32_t>{5, 6, 7, 8}));
  EXPECT_EQ(batch.positions, (std::vector<int32_t>{0, 1, 2, 70}));
  EXPECT_EQ(batch.wanted, (std::vector<int32_t>{2, 3}));
  EXPECT_EQ(batch.sequences[1].row, 3);
  batch.check(9);
  EXPECT_DEATH(batch.check(8), "id 8 of 8");
  EXPECT_DEATH(batch.append(second, 0, {}, 2), "2 of 1 rows");
}

TEST(Batch, ChecksPagesAndPositions) {
  const std::vector<int32_t> ids = {1, 2}, pages = {0};
  Batch too_few;
  too_few.append(ids, 63, pages, 0);
  EXPECT_DEATH(too_few.check(10), "1 pages for 2 rows from position 63");
  Batch no_pages;
  no_pages.append(ids, 5, {}, 0);
  EXPECT_DEATH(no_pages.check(10), "0 pages");
  Batch moved;
  moved.append(ids, 0, {}, 0);
  moved.positions[1] = 3;
  EXPECT_DEATH(moved.check(10), "row 1 at 3");
  Batch unordered;
  unordered.append(ids, 0, {}, 2);
  unordered.wanted = {1, 0};
  EXPECT_DEATH(unordered.check(10), "wanted row 0");
}

TEST(KvCache, BlocksOfPagesAndLayersDoNotOverlap) {
  const auto backend = open_backend("reference");
  const KvShape shape{2, 8, 8, false, DType::F32};
  KvCache cache(*backend, shape, 3, 4);
  const size_t block = backend->kv_block_bytes(shape);
  EXPECT_EQ(cache.page_bytes(), 3 * block);
  EXPECT_EQ(cache.block(0, 1) - cache.block(0, 0), static_cast<int64_t>(block));
  EXPECT_EQ(cache.block(1, 0) - cache.block(0, 2), static_cast<int64_t>(block));
  std::memset(cache.block(3, 2), 1, block);  // the last: inside the memory, as a sanitizer would tell
}

}  // namespace
}  // namespace r1
