// Attention of every backend: against the reference, and against itself cut, reordered and shared out in other ways.
#include <gtest/gtest.h>

#include "compute/every_backend_test.h"

namespace r1 {
namespace {

// Keys, values and queries of one sequence, a function of its seed. Row i stands at position i.
struct Story {
  Story(const AttentionShape& shape, int64_t length, uint64_t seed, float loudness = 1)
      : length(length),
        keys(Matrix::normal(length, shape.kv.kv_heads * shape.kv.key_dim, seed, loudness)),
        values(Matrix::normal(length, shape.kv.value_in_key ? 1 : shape.kv.kv_heads * shape.kv.value_dim, seed + 1000)),
        q(Matrix::normal(length, shape.heads * shape.kv.key_dim, seed + 2000, loudness)),
        out(length, shape.heads * shape.kv.value_dim) {}

  // Results of the first `count` rows become zero.
  void forget_rows(int64_t count) { std::fill_n(out.numbers().begin(), count * out.cols(), 0.0f); }

  int64_t length;
  Matrix keys, values, q, out;
};

// Rows [begin, end) of a story, taken together with others into one pass.
struct Part {
  Story* story;
  int64_t begin, end;
};

// The pages of stories on one backend, filled with NaN first: a kernel that reads what nobody wrote is found out.
class Pages {
 public:
  Pages(Backend& backend, const AttentionShape& shape) : backend_(backend), shape_(shape) {}
  ~Pages() {
    for (auto& [story, blocks] : blocks_) {
      for (std::byte* block : blocks) backend_.release(block, backend_.kv_block_bytes(shape_.kv));
    }
  }

  std::span<std::byte* const> of(Story* story) {
    for (auto& [known, blocks] : blocks_) {
      if (known == story) return blocks;
    }
    blocks_.emplace_back(story, std::vector<std::byte*>());
    for (int64_t p = 0; p < story->length; p += kPagePositions) {
      const size_t bytes = backend_.kv_block_bytes(shape_.kv);
      blocks_.back().second.push_back(static_cast<std::byte*>(backend_.allocate(bytes)));
      std::memset(blocks_.back().second.back(), 0xff, bytes);
    }
    return blocks_.back().second;
  }

  // One pass: stores the parts' keys and values, attends, and writes the rows of their stories' `out`.
  void run(const std::vector<Part>& parts) { run(parts, true); }
  void store(const std::vector<Part>& parts) { run(parts, false); }

 private:
  void run(const std::vector<Part>& parts, bool attend) {
    int64_t rows = 0;
    std::vector<SequenceRows> sequences;
    for (const Part& part : parts) {
      sequences.push_back({rows, part.end - part.begin, part.begin, {}});
      rows += part.end - part.begin;
    }
    // Strides wider than the rows: kernels must honour them.
    Matrix keys(rows, parts[0].story->keys.cols(), parts[0].story->keys.cols() + 3);
    Matrix values(rows, parts[0].story->values.cols(), parts[0].story->values.cols() + 1);
    Matrix q(rows, parts[0].story->q.cols(), parts[0].story->q.cols() + 5);
    Matrix out(rows, parts[0].story->out.cols(), parts[0].story->out.cols() + 7);
    for (size_t i = 0; i < parts.size(); ++i) {
      of(parts[i].story);
      copy(parts[i].story->keys, parts[i].begin, keys, sequences[i].row, sequences[i].rows);
      copy(parts[i].story->values, parts[i].begin, values, sequences[i].row, sequences[i].rows);
      copy(parts[i].story->q, parts[i].begin, q, sequences[i].row, sequences[i].rows);
    }
    for (size_t i = 0; i < parts.size(); ++i) sequences[i].blocks = of(parts[i].story);
    backend_.store_kv(shape_.kv, keys.tensor(), shape_.kv.value_in_key ? Tensor() : values.tensor(), sequences);
    if (!attend) return;
    backend_.attention(out.tensor(), q.tensor(), shape_, sequences);
    for (size_t i = 0; i < parts.size(); ++i) {
      copy(out, sequences[i].row, parts[i].story->out, parts[i].begin, sequences[i].rows);
    }
  }

  static void copy(Matrix& from, int64_t from_row, Matrix& to, int64_t to_row, int64_t rows) {
    for (int64_t r = 0; r < rows; ++r) {
      std::copy_n(&from.at(from_row + r, 0), from.cols(), &to.at(to_row + r, 0));
    }
  }

  Backend& backend_;
  const AttentionShape& shape_;
  std::vector<std::pair<Story*, std::vector<std::byte*>>> blocks_;
};

std::vector<float> attend_whole(Backend& backend, const AttentionShape& shape, Story& story) {
  Pages(backend, shape).run({{&story, 0, story.length}});
  return story.out.numbers();
}

AttentionShape shape_of(int heads, int kv_heads, int key_dim, int value_dim, DType dtype, bool value_in_key = false) {
  return {heads, {kv_heads, key_dim, value_dim, value_in_key, dtype}, 1 / std::sqrt(static_cast<float>(key_dim))};
}

std::vector<AttentionShape> shapes() {
  std::vector<AttentionShape> all;
  for (DType dtype : {DType::F32, DType::BF16}) {
    all.push_back(shape_of(9, 3, 64, 64, dtype));           // grouped query
    all.push_back(shape_of(4, 4, 10, 10, dtype));           // no group, odd widths
    all.push_back(shape_of(7, 1, 12, 20, dtype));           // a prime group; values wider than keys
    all.push_back(shape_of(2, 2, 24, 16, dtype));           // MLA expanded
    all.push_back(shape_of(3, 1, 7, 5, dtype));             // odd key width: half a bf16 pair
    all.push_back(shape_of(4, 1, 40, 32, dtype, true));     // MLA absorbed, few heads
    all.push_back(shape_of(20, 1, 36, 22, dtype, true));    // more heads than lanes
    all.push_back(shape_of(16, 1, 576, 512, dtype, true));  // V2-Lite's
    all.push_back(shape_of(8, 2, 128, 128, dtype));
  }
  return all;
}

std::string text(const AttentionShape& s) {
  return fmt::format("{} heads, {} kv, {} + {}{}, {}", s.heads, s.kv.kv_heads, s.kv.key_dim, s.kv.value_dim,
                     s.kv.value_in_key ? " absorbed" : "", name(s.kv.dtype));
}

// How far attention may be from the reference, in units of the largest value. F32 pages: rounding of the sums alone.
// BF16 pages hold the same rounded numbers on both sides, but a backend may round queries and probabilities too: 2^-9
// of every score (here below 6) and of every probability.
double tolerance(const AttentionShape& shape) { return shape.kv.dtype == DType::F32 ? 4e-6 : 6.0 / 512; }

float largest(Matrix& m) {
  float most = 0;
  for (float x : m.numbers()) most = std::max(most, std::abs(x));
  return most;
}

using EveryBackendAttention = EveryBackend;
using EveryKernelSetAttention = EveryBackend;  // all but the reference: it is the judge, and slow

TEST_P(EveryKernelSetAttention, IsTheReferences) {
  ReferenceBackend reference;
  const auto backend = open();
  for (const AttentionShape& shape : shapes()) {
    for (int64_t length : {1, 2, 63, 64, 65, 150}) {
      SCOPED_TRACE(text(shape) + ", " + std::to_string(length) + " positions");
      Story story(shape, length, 11), judge = story;
      attend_whole(*backend, shape, story);
      attend_whole(reference, shape, judge);
      const float scale = largest(shape.kv.value_in_key ? judge.keys : judge.values);
      ASSERT_NO_FATAL_FAILURE(expect_close(story.out, judge.out, 0, tolerance(shape) * scale));
    }
  }
}

TEST_P(EveryKernelSetAttention, IsTheReferencesAtDepth) {
  ReferenceBackend reference;
  const auto backend = open();
  for (const AttentionShape& shape :
       {shape_of(3, 1, 16, 16, DType::F32), shape_of(3, 1, 20, 10, DType::BF16),
        shape_of(5, 1, 20, 12, DType::F32, true), shape_of(5, 1, 20, 12, DType::BF16, true)}) {
    for (int64_t length : {1023, 1024, 1025, 2100}) {
      SCOPED_TRACE(text(shape) + ", " + std::to_string(length) + " positions");
      constexpr int64_t kJudged = 40;  // rows at the end: the reference is slow
      Story story(shape, length, 12), judge = story;
      Pages pages(*backend, shape), judges(reference, shape);
      pages.run({{&story, 0, length - 3}});
      pages.run({{&story, length - 3, length}});
      judges.store({{&judge, 0, length - kJudged}});
      judges.run({{&judge, length - kJudged, length}});
      const float scale = largest(shape.kv.value_in_key ? judge.keys : judge.values);
      story.forget_rows(length - kJudged);
      ASSERT_NO_FATAL_FAILURE(expect_close(story.out, judge.out, 0, tolerance(shape) * scale));
    }
  }
}

// The bits of a row: alone or among others, in one pass or many, on any number of threads, in any order of sequences.
TEST_P(EveryBackendAttention, KeepsItsBits) {
  for (const AttentionShape& shape : shapes()) {
    SCOPED_TRACE(text(shape));
    const int64_t lengths[] = {70, 1, 64, 130};
    std::vector<std::vector<float>> alone;
    for (int threads : GetParam() == "reference" ? std::vector{1} : std::vector{1, 2, 3}) {
      const auto backend = open(threads);
      std::vector<Story> stories;
      for (uint64_t s = 0; s < 4; ++s) stories.emplace_back(shape, lengths[s], 20 + s);
      if (alone.empty()) {
        for (Story& story : stories) alone.push_back(attend_whole(*backend, shape, story));
        for (size_t s = 0; s < 4; ++s) stories[s].forget_rows(lengths[s]);
      }
      const auto check = [&](const char* how) {
        for (size_t s = 0; s < 4; ++s) {
          ASSERT_TRUE(
              same_bits(stories[s].out.numbers().data(), alone[s].data(), static_cast<int64_t>(alone[s].size())))
              << how << ", story " << s << ", " << threads << " threads";
          stories[s].forget_rows(lengths[s]);
        }
      };
      {
        Pages pages(*backend, shape);
        pages.run({{&stories[3], 0, 130}, {&stories[0], 0, 70}, {&stories[2], 0, 64}, {&stories[1], 0, 1}});
        ASSERT_NO_FATAL_FAILURE(check("together"));
      }
      {
        Pages pages(*backend, shape);
        pages.run({{&stories[0], 0, 5}, {&stories[3], 0, 63}, {&stories[2], 0, 33}});
        pages.run({{&stories[3], 63, 65}, {&stories[0], 5, 6}, {&stories[2], 33, 64}});
        pages.run({{&stories[1], 0, 1}, {&stories[0], 6, 69}, {&stories[3], 65, 129}});
        pages.run({{&stories[0], 69, 70}, {&stories[3], 129, 130}});
        ASSERT_NO_FATAL_FAILURE(check("in chunks"));
      }
    }
  }
}

TEST_P(EveryKernelSetAttention, KeepsItsBitsAtDepth) {
  for (const AttentionShape& shape :
       {shape_of(3, 1, 16, 16, DType::F32), shape_of(6, 2, 20, 10, DType::BF16),
        shape_of(5, 1, 20, 12, DType::F32, true), shape_of(18, 1, 20, 12, DType::BF16, true)}) {
    SCOPED_TRACE(text(shape));
    constexpr int64_t kLength = 2100;
    std::vector<float> whole;
    for (int threads : {1, 2, 3}) {
      const auto backend = open(threads);
      Story story(shape, kLength, 31), stranger(shape, kLength, 32);
      if (whole.empty()) whole = attend_whole(*backend, shape, story);
      story.forget_rows(kLength);
      Pages pages(*backend, shape);
      pages.run({{&story, 0, 1000}});
      pages.run({{&stranger, 0, 7}, {&story, 1000, 1023}});
      for (int64_t p = 1023; p < 1027; ++p) pages.run({{&story, p, p + 1}, {&stranger, p - 1016, p - 1015}});
      pages.run({{&story, 1027, 2047}});
      for (int64_t p = 2047; p < 2051; ++p) pages.run({{&story, p, p + 1}});
      pages.run({{&story, 2051, kLength}});
      ASSERT_TRUE(same_bits(story.out.numbers().data(), whole.data(), static_cast<int64_t>(whole.size())))
          << threads << " threads";
    }
  }
}

TEST_P(EveryBackendAttention, LargeScoresStayFinite) {
  const auto backend = open();
  for (DType dtype : {DType::F32, DType::BF16}) {
    for (bool absorbed : {false, true}) {
      AttentionShape shape = shape_of(4, 1, 16, 16, dtype, absorbed);
      shape.scale = 1;
      Story story(shape, 200, 41, 1e6f);
      attend_whole(*backend, shape, story);
      for (float x : story.out.numbers()) ASSERT_TRUE(std::isfinite(x)) << text(shape);
    }
  }
}

// All keys alike: the mean of the values, whatever the split.
TEST_P(EveryBackendAttention, EqualScoresGiveTheMean) {
  const auto backend = open();
  const AttentionShape shape = shape_of(2, 1, 8, 3, DType::F32);
  Story story(shape, 1500, 51, 0);
  attend_whole(*backend, shape, story);
  double sum = 0;
  for (int64_t p = 0; p < 1500; ++p) {
    sum += story.values.at(p, 2);
    ASSERT_NEAR(story.out.at(p, 3 + 2), sum / static_cast<double>(p + 1), 1e-5) << p;
  }
}

R1_EVERY_BACKEND(EveryBackendAttention);
R1_EVERY_KERNEL_SET(EveryKernelSetAttention);

}  // namespace
}  // namespace r1
