// Products with packed weights against what the machine can do, measured in the same run and in turns (spec:
// cpu-performance.md 9).
//
// Decode: one token, weights from memory. `of_read` is the time of reading the same bytes over the product's.
//
// Prefill: 504 tokens. `of_peak` is the share of the arithmetic units' best, `of_fp32` that of float32 multiply-adds.
//
// Few: 2 to 16 tokens, weights from memory.
//
// Pack: bytes of stored weights laid out per second.
//
// Every set of this machine, Precision::Fast unless named exact; --benchmark_filter=Decode/avx512 and the like choose.
// R1_BENCH_THREADS sets the threads. One thread is timed by the processor time it took: other programs disturb that
// less.
#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "compute/cpu/dispatch.h"
#include "compute/cpu/matmul.h"
#include "compute/cpu/pack.h"
#include "tensor/quant.h"

namespace r1 {
namespace {

constexpr DType kTypes[] = {DType::F32,  DType::F16,  DType::BF16,   DType::F8_E4M3, DType::Q8_0, DType::Q4_0,
                            DType::Q4_1, DType::Q5_0, DType::Q5_1,   DType::Q2_K,    DType::Q3_K, DType::Q4_K,
                            DType::Q5_K, DType::Q6_K, DType::IQ4_NL, DType::IQ4_XS,  DType::MXFP4};
constexpr int64_t kColumns = 4096;
constexpr int64_t kDecodeBytes = int64_t{160} << 20;  // several times any last-level cache this is run on

ThreadPool& pool() {
  static ThreadPool pool(std::getenv("R1_BENCH_THREADS") != nullptr ? std::atoi(std::getenv("R1_BENCH_THREADS")) : 0);
  return pool;
}

double now() {
  timespec time{};
  ::clock_gettime(pool().threads() == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double seconds_of(const auto& body) {
  const double begin = now();
  body();
  return now() - begin;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

// A stored matrix of finite numbers: a few random rows, repeated.
struct Matrix {
  std::vector<std::byte> bytes;
  std::vector<float> scales;
  Weight packed;

  Matrix(DType dtype, int64_t rows, int64_t cols) {
    const auto stride = static_cast<size_t>(row_bytes(dtype, cols));
    bytes.resize(static_cast<size_t>(rows) * stride);
    std::vector<float> values(static_cast<size_t>(cols));
    for (int64_t r = 0; r < rows; ++r) {
      std::byte* row = bytes.data() + static_cast<size_t>(r) * stride;
      if (r >= 16) {
        std::memcpy(row, row - 16 * stride, stride);
        continue;
      }
      for (size_t i = 0; i < values.size(); ++i)
        values[i] = static_cast<float>(0.05 * normal(1, static_cast<uint64_t>(r), i));
      encode(dtype, values.data(), row, cols);
    }
    scales.assign(static_cast<size_t>((rows + 127) / 128 * ((cols + 127) / 128)), 1.0f);
    packed = pack_weight(stored(dtype, rows, cols), pool());
  }
  Weight stored(DType dtype, int64_t rows, int64_t cols) const {
    Weight weight{dtype, rows, cols, Tensor(bytes.data(), dtype, {rows, cols}), {}, nullptr};
    if (dtype == DType::F8_E4M3)
      weight.scales = Tensor(scales.data(), DType::F32, {(rows + 127) / 128, (cols + 127) / 128});
    return weight;
  }
};

struct Run {
  const Kernels* kernels;
  DType dtype;
  Precision precision;
  int64_t tokens;
};

class Product {
 public:
  Product(const Run& run, int64_t rows) : run_(run), matrix_(run.dtype, rows, kColumns) {
    x_.resize(static_cast<size_t>(run.tokens * kColumns));
    for (size_t i = 0; i < x_.size(); ++i) x_[i] = static_cast<float>(normal(2, 3, i));
    y_.resize(static_cast<size_t>(run.tokens * rows));
    projection_ = {Tensor(y_.data(), DType::F32, {run.tokens, rows}),
                   &matrix_.packed,
                   Tensor(x_.data(), DType::F32, {run.tokens, kColumns}),
                   {}};
  }
  void multiply() { linear({&projection_, 1}, run_.precision, *run_.kernels, pool(), scratch_); }
  int64_t bytes() const { return static_cast<int64_t>(packed_weight_bytes(run_.dtype, matrix_.packed.rows, kColumns)); }
  int64_t multiply_adds() const { return run_.tokens * matrix_.packed.rows * kColumns; }
  const std::byte* weights() const { return static_cast<const std::byte*>(matrix_.packed.packed.get()); }

 private:
  Run run_;
  Matrix matrix_;
  std::vector<float> x_, y_;
  Projection projection_;
  LinearScratch scratch_;
};

// Reads the bytes on all threads, each a contiguous part.
void read_all(const std::byte* data, int64_t bytes) {
  pool().parallel_for(bytes / 256, [&](int64_t begin, int64_t end) {
    typedef uint64_t Line __attribute__((vector_size(16)));
    const auto* at = reinterpret_cast<const Line*>(data) + 16 * begin;
    Line sums[4] = {};
    for (int64_t i = 0; i < 16 * (end - begin); i += 16) {
      for (int j = 0; j < 16; ++j) sums[j % 4] ^= at[i + j];
    }
    benchmark::DoNotOptimize(sums);
  });
}

void from_memory(benchmark::State& state, const Run& run) {
  const int64_t tile = row_bytes(run.dtype, kColumns) * kTileRows;
  Product product(run, kDecodeBytes / tile * kTileRows);
  product.multiply();
  std::vector<double> product_times, read_times;
  for (auto _ : state) {
    read_times.push_back(seconds_of([&] { read_all(product.weights(), product.bytes()); }));
    product_times.push_back(seconds_of([&] { product.multiply(); }));
    state.SetIterationTime(product_times.back());
  }
  state.counters["GB/s"] = static_cast<double>(product.bytes()) / median(product_times) / 1e9;
  state.counters["of_read"] = median(read_times) / median(product_times);
}

// Multiply-adds per second of all threads.
double peak_rate(const Kernels& kernels, PanelForm form) {
  const auto peak = kernels.matmul.peak[static_cast<int>(form)];
  std::vector<int64_t> done(static_cast<size_t>(pool().threads()));
  const double seconds = seconds_of([&] {
    pool().run([&](int thread) {
      alignas(64) std::byte lines[16 * 64] = {};
      done[static_cast<size_t>(thread)] = peak(100'000, lines);
    });
  });
  int64_t all = 0;
  for (const int64_t part : done) all += part;
  return static_cast<double>(all) / seconds;
}

void prefill(benchmark::State& state, const Run& run) {
  Product product(run, 2048);
  product.multiply();
  const PanelForm form = run.kernels->matmul.types[static_cast<int>(run.dtype)].form[static_cast<int>(run.precision)];
  std::vector<double> rates, peaks, floats;
  for (auto _ : state) {
    peaks.push_back(peak_rate(*run.kernels, form));
    floats.push_back(peak_rate(*run.kernels, PanelForm::F32));
    const double seconds = seconds_of([&] { product.multiply(); });
    rates.push_back(static_cast<double>(product.multiply_adds()) / seconds);
    state.SetIterationTime(seconds);
  }
  state.counters["Gop/s"] = 2e-9 * median(rates);
  state.counters["of_peak"] = median(rates) / median(peaks);
  state.counters["of_fp32"] = median(rates) / median(floats);
}

void pack(benchmark::State& state, DType dtype) {
  const int64_t rows = 8192;
  const Matrix matrix(dtype, rows, kColumns);
  const Weight stored = matrix.stored(dtype, rows, kColumns);
  for (auto _ : state) benchmark::DoNotOptimize(pack_weight(stored, pool()).packed.get());
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(matrix.bytes.size()));
}

void add(const std::string& what, const Run& run, const auto& body) {
  const std::string set = std::string(run.kernels->name) +
                          (run.kernels->matmul.peak[static_cast<int>(PanelForm::Bf16)] != nullptr ? "bf16" : "");
  benchmark::RegisterBenchmark((what + "/" + set + "/" + std::string(name(run.dtype))).c_str(),
                               [=](benchmark::State& state) { body(state, run); })
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond)
      ->MinTime(0.3);
}

void add_all() {
  for (const Kernels* kernels : runnable_kernels()) {
    for (const DType dtype : kTypes) {
      add("Decode", {kernels, dtype, Precision::Fast, 1}, from_memory);
      for (const int64_t tokens : {2, 4, 8, 16})
        add("Few/" + std::to_string(tokens), {kernels, dtype, Precision::Fast, tokens}, from_memory);
      add("Prefill", {kernels, dtype, Precision::Fast, kTokenBlock}, prefill);
      add("DecodeExact", {kernels, dtype, Precision::Exact, 1}, from_memory);
      add("PrefillExact", {kernels, dtype, Precision::Exact, kTokenBlock}, prefill);
    }
  }
  for (const DType dtype : kTypes) {
    benchmark::RegisterBenchmark(("Pack/" + std::string(name(dtype))).c_str(), [=](benchmark::State& state) {
      pack(state, dtype);
    })->UseRealTime();
  }
}

}  // namespace
}  // namespace r1

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  r1::add_all();
  benchmark::RunSpecifiedBenchmarks();
}
