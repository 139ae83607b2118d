// What the golden tests share: a model opened on one kernel set, passes over it with and without pages, and comparisons
// that say how far off the worst number was.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "compute/backend.h"
#include "formats/weight_source.h"
#include "models/decoder.h"
#include "test_data.h"

namespace r1 {

// The backend of one kernel set, forced as R1_ISA forces it.
inline std::unique_ptr<Backend> open_kernel_set(const std::string& set, int threads = 0) {
  if (set == "reference") return open_backend("reference");
  const char* before = std::getenv("R1_ISA");
  const std::string saved = before == nullptr ? "" : before;
  setenv("R1_ISA", set.c_str(), 1);
  std::unique_ptr<Backend> backend = open_backend("cpu", threads);
  if (before == nullptr) {
    unsetenv("R1_ISA");
  } else {
    setenv("R1_ISA", saved.c_str(), 1);
  }
  EXPECT_EQ(backend->kernel_set(), set);
  return backend;
}

inline std::vector<std::string> all_kernel_sets() {
  const std::span<const std::string> sets = kernel_sets();
  return {sets.begin(), sets.end()};
}

inline Json read_json(const std::filesystem::path& path) { return parse_json(read_file(path), path.string()); }

using Matrix = std::vector<std::vector<float>>;  // row by row

inline Matrix rows_of(const Tensor& tensor) {
  Matrix rows;
  for (int64_t r = 0; r < tensor.rows(); ++r) rows.emplace_back(tensor.f32(r), tensor.f32(r) + tensor.cols());
  return rows;
}

// A model, its backend, and a cache of a few pages.
class GoldenModel {
 public:
  GoldenModel(const std::filesystem::path& path, const std::string& kernel_set, DecoderOptions options, int threads = 0)
      : backend_(open_kernel_set(kernel_set, threads)),
        source_(open_source(path)),
        config_(read_model_config(source_->config(), source_->path())),
        decoder_(*source_, config_, *backend_, options),
        arena_(*backend_) {}

  const Decoder& decoder() const { return decoder_; }
  const WeightSource& source() const { return *source_; }
  const ModelConfig& config() const { return config_; }
  Backend& backend() { return *backend_; }
  Arena& arena() { return arena_; }

  Pass pass(KvCache* cache = nullptr) {
    arena_.reset();
    return Pass{.backend = *backend_, .arena = arena_, .precision = decoder_.options().precision, .cache = cache};
  }

  std::unique_ptr<KvCache> make_cache(int32_t pages) {
    return std::make_unique<KvCache>(*backend_, decoder_.kv_shape(), decoder_.kv_layers(), pages);
  }

  // Logits of every row, one pass, no cache.
  Matrix logits(std::span<const int32_t> ids) {
    Batch batch;
    batch.append(ids, 0, {}, static_cast<int32_t>(ids.size()));
    Pass p = pass();
    return rows_of(decoder_.forward(p, batch));
  }

  // Logits of every row, through the cache, in passes of the given numbers of rows (the last one repeated).
  Matrix logits_in_chunks(std::span<const int32_t> ids, KvCache& cache, std::span<const int32_t> pages,
                          const std::vector<int32_t>& chunks) {
    Matrix all;
    size_t at = 0;
    for (size_t c = 0; at < ids.size(); ++c) {
      const auto rows = std::min<size_t>(chunks[std::min(c, chunks.size() - 1)], ids.size() - at);
      Batch batch;
      batch.append(ids.subspan(at, rows), static_cast<int32_t>(at), pages, static_cast<int32_t>(rows));
      Pass p = pass(&cache);
      for (auto& row : rows_of(decoder_.forward(p, batch))) all.push_back(std::move(row));
      at += rows;
    }
    return all;
  }

 private:
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<WeightSource> source_;
  ModelConfig config_;
  Decoder decoder_;
  Arena arena_;
};

inline int32_t argmax(const std::vector<float>& row) {
  return static_cast<int32_t>(std::max_element(row.begin(), row.end()) - row.begin());
}

// Natural-log softmax, in double.
inline std::vector<double> log_softmax(std::span<const float> logits) {
  const double highest = *std::max_element(logits.begin(), logits.end());
  double total = 0;
  for (const float z : logits) total += std::exp(z - highest);
  std::vector<double> out(logits.size());
  for (size_t i = 0; i < out.size(); ++i) out[i] = logits[i] - highest - std::log(total);
  return out;
}

template <typename T>
std::vector<T> read_numbers(const std::filesystem::path& path) {
  const std::string bytes = read_file(path);
  std::vector<T> numbers(bytes.size() / sizeof(T));
  std::memcpy(numbers.data(), bytes.data(), numbers.size() * sizeof(T));
  return numbers;
}

// Every number of `found` within `tolerance` of `wanted`.
template <typename A, typename B>
void expect_close(std::span<const A> found, std::span<const B> wanted, double tolerance, const std::string& what) {
  ASSERT_EQ(found.size(), wanted.size()) << what;
  double worst = 0;
  size_t where = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    const double off = std::abs(static_cast<double>(found[i]) - static_cast<double>(wanted[i]));
    if (!(off <= worst)) {  // NaN is worst
      worst = off;
      where = i;
    }
    if (std::isnan(off)) break;
  }
  EXPECT_LE(worst, tolerance) << what << ": number " << where << " is " << (found.empty() ? 0 : found[where])
                              << ", expected " << (wanted.empty() ? 0 : wanted[where]);
}

inline void expect_same_bits(const Matrix& found, const Matrix& wanted, const std::string& what) {
  ASSERT_EQ(found.size(), wanted.size()) << what;
  for (size_t r = 0; r < found.size(); ++r) {
    ASSERT_EQ(found[r].size(), wanted[r].size()) << what;
    ASSERT_EQ(std::memcmp(found[r].data(), wanted[r].data(), found[r].size() * sizeof(float)), 0)
        << what << ": row " << r << " differs";
  }
}

}  // namespace r1
