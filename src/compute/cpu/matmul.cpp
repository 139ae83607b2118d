#include "compute/cpu/matmul.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "compute/cpu/tile_layout.h"

namespace r1 {
namespace {

constexpr int64_t kMostPanelBytes = int64_t{64} << 20;  // tokens of one round; more is cut into rounds

// Some rows of an x, laid out as panels.
struct Panels {
  const float* x;
  int64_t stride, tokens, cols;  // stride in floats
  PanelForm form;
  int64_t at;  // in the scratch

  int64_t block_bytes() const { return panel_block_bytes(form); }
  int64_t bytes() const { return tokens * blocks_of(cols) * block_bytes(); }
  int64_t blocks() const { return tokens * blocks_of(cols); }  // of single tokens
  bool same_source(const Panels& other) const {
    return x == other.x && stride == other.stride && tokens == other.tokens && cols == other.cols && form == other.form;
  }
};

// All tiles of a weight times some tokens.
struct Product {
  const Projection* projection;
  int64_t first_token;
  size_t panels;        // index
  int64_t tiles, cost;  // of one tile
};

// What is done between two barriers: lay tokens out, then multiply.
struct Round {
  std::vector<Panels> panels;
  std::vector<Product> products;
  int64_t panel_bytes = 0;
};

// Roughly the cycles of one tile: reading it, or multiplying.
int64_t tile_cost(int64_t tile_bytes, const Panels& panels) {
  const int64_t per_block = panels.form == PanelForm::F32 ? 32 : panels.form == PanelForm::Bf16 ? 16 : 10;
  return std::max(tile_bytes / 8, panels.tokens * blocks_of(panels.cols) * per_block) + 1;
}

size_t find_or_add(Round& round, Panels panels) {
  for (size_t i = round.panels.size(); i-- > 0;) {
    if (round.panels[i].same_source(panels)) return i;
  }
  panels.at = round.panel_bytes;
  round.panel_bytes += (panels.bytes() + 63) / 64 * 64;
  round.panels.push_back(panels);
  return round.panels.size() - 1;
}

void add_products(std::vector<Round>& rounds, const Projection& projection, Precision precision,
                  const Kernels& kernels) {
  const Weight& weight = *projection.weight;
  const int64_t n = projection.x.rows();
  if (n == 0 || weight.rows == 0) return;
  R1_CHECK(weight.packed != nullptr, "a weight [{}, {}] that nobody has packed", weight.rows, weight.cols);
  const PanelForm form = kernels.matmul.types[static_cast<int>(weight.dtype)].form[static_cast<int>(precision)];
  const int64_t stride = projection.x.row_stride() / int64_t{sizeof(float)};
  const int64_t tile_bytes = tile_layout(weight.dtype).tile_bytes(weight.cols);
  for (int64_t token = 0; token < n; token += kTokenBlock) {
    const Panels panels{
        projection.x.f32(token), stride, std::min<int64_t>(kTokenBlock, n - token), weight.cols, form, 0};
    if (rounds.empty() || rounds.back().panel_bytes + panels.bytes() > kMostPanelBytes) rounds.emplace_back();
    Round& round = rounds.back();
    const size_t index = find_or_add(round, panels);
    round.products.push_back(
        {&projection, token, index, (weight.rows + kTileRows - 1) / kTileRows, tile_cost(tile_bytes, panels)});
  }
}

// One region of the pool for the whole list of rounds.
class Linear {
 public:
  Linear(Precision precision, const Kernels& kernels, int threads)
      : precision_(precision), kernels_(kernels.matmul), threads_(threads) {}

  // A thread's share of laying tokens out: a range of all (token, block) pairs, rounded to whole blocks of panels.
  void make_panels(const Round& round, int thread, std::byte* scratch) const {
    int64_t all = 0;
    for (const Panels& panels : round.panels) all += panels.blocks();
    const int64_t begin = all * thread / threads_, end = all * (thread + 1) / threads_;
    int64_t before = 0;
    for (const Panels& panels : round.panels) {
      for (int64_t token = 0; token < panels.tokens; token += kernels_.tokens) {
        const int count = static_cast<int>(std::min<int64_t>(kernels_.tokens, panels.tokens - token));
        const int64_t blocks = blocks_of(panels.cols);
        const int64_t first = first_at(begin, before, count, blocks), last = first_at(end, before, count, blocks);
        if (first < last) make_panel(panels, token, count, first, last, scratch);
        before += count * blocks;
      }
    }
  }

  // A thread's share of the products: a contiguous range of all tiles by cost.
  void multiply(const Round& round, int thread, const std::byte* panels, std::byte* tiles) const {
    int64_t all = 0;
    for (const Product& product : round.products) all += product.tiles * product.cost;
    const int64_t begin = all * thread / threads_, end = all * (thread + 1) / threads_;
    int64_t before = 0;
    for (const Product& product : round.products) {
      const int64_t first = first_at(begin, before, product.cost, product.tiles),
                    last = first_at(end, before, product.cost, product.tiles);
      if (first < last) multiply_tiles(round, product, first, last, panels, tiles);
      before += product.tiles * product.cost;
    }
  }

 private:
  // The first of `count` pieces of `size` each, laid one after another from `before` on, that begins at `at` or later.
  static int64_t first_at(int64_t at, int64_t before, int64_t size, int64_t count) {
    return std::clamp<int64_t>((at - before + size - 1) / size, 0, at <= before ? 0 : count);
  }

  void make_panel(const Panels& panels, int64_t token, int count, int64_t first, int64_t last,
                  std::byte* scratch) const {
    std::byte* panel = scratch + panels.at + panels.block_bytes() * (token * blocks_of(panels.cols) + first * count);
    const int64_t cols = std::min<int64_t>(panels.cols, last * kBlock) - first * kBlock;
    kernels_.make_panel[static_cast<int>(panels.form)](panels.x + token * panels.stride + first * kBlock, panels.stride,
                                                       count, cols, panel);
  }

  void multiply_tiles(const Round& round, const Product& product, int64_t first, int64_t last, const std::byte* panels,
                      std::byte* scratch) const {
    const Projection& projection = *product.projection;
    const Weight& weight = *projection.weight;
    const Panels& tokens = round.panels[product.panels];
    const int64_t row = first * kTileRows;
    TileProduct p{};
    p.tile_bytes = tile_layout(weight.dtype).tile_bytes(weight.cols);
    p.packed = static_cast<const std::byte*>(weight.packed.get()) + first * p.tile_bytes;
    p.rows = std::min<int64_t>(weight.rows, last * kTileRows) - row;
    p.cols = weight.cols;
    if (weight.dtype == DType::F8_E4M3) {
      p.scales = weight.scales.f32();
      p.scale_stride = weight.scales.cols();
    }
    p.first_row = row;
    p.panels = panels + tokens.at;
    p.tokens = tokens.tokens;
    p.y = projection.y.f32(product.first_token) + row;
    p.y_stride = projection.y.row_stride() / int64_t{sizeof(float)};
    p.bias = projection.bias.empty() ? nullptr : projection.bias.f32() + row;
    p.scratch = scratch;
    kernels_.types[static_cast<int>(weight.dtype)].multiply[static_cast<int>(precision_)](p);
  }

  Precision precision_;
  const MatmulKernels& kernels_;
  int threads_;
};

// Bytes of a token's columns in every form that some type of weights wants, the largest first.
std::vector<int64_t> panel_bytes_of_forms(int64_t cols, Precision precision, const MatmulKernels& kernels) {
  std::set<int64_t, std::greater<>> bytes;
  for (const auto& type : kernels.types) {
    bytes.insert((panel_block_bytes(type.form[static_cast<int>(precision)]) * blocks_of(cols) + 63) / 64 * 64);
  }
  return {bytes.begin(), bytes.end()};
}

size_t tile_bytes(const Kernels& kernels, int threads) {
  return kernels.matmul.scratch_bytes * static_cast<size_t>(threads);
}

}  // namespace

// Panels of every x, in as many forms as there are weights for it, or of as many as a round takes; a round is never cut
// below kTokenBlock tokens of one x.
size_t linear_scratch_bytes(std::span<const Projection> projections, Precision precision, const Kernels& kernels,
                            int threads) {
  int64_t all = 0, largest = 0;
  std::map<std::tuple<const void*, int64_t, int64_t>, size_t> uses;
  for (const Projection& projection : projections) {
    const size_t nth = uses[{projection.x.data(), projection.x.rows(), projection.x.cols()}]++;
    const auto forms = panel_bytes_of_forms(projection.x.cols(), precision, kernels.matmul);
    if (nth >= forms.size()) continue;
    const int64_t tokens = projection.x.rows();
    all += tokens * forms[nth];
    largest = std::max(largest, std::min<int64_t>(tokens, kTokenBlock) * forms[nth]);
  }
  return static_cast<size_t>(std::min(all, std::max(kMostPanelBytes, largest))) + tile_bytes(kernels, threads);
}

void LinearScratch::reserve(size_t bytes, const Kernels& kernels, int threads) {
  const size_t of_tiles = tile_bytes(kernels, threads);
  touch_pages(tiles.reserve(of_tiles), tiles.size());
  if (bytes > of_tiles) touch_pages(panels.reserve(bytes - of_tiles), panels.size());
}

void linear(std::span<const Projection> projections, Precision precision, const Kernels& kernels, ThreadPool& pool,
            LinearScratch& scratch) {
  std::vector<Round> rounds;
  for (const Projection& projection : projections) add_products(rounds, projection, precision, kernels);
  if (rounds.empty()) return;
  int64_t panel_bytes = 0;
  for (const Round& round : rounds) panel_bytes = std::max(panel_bytes, round.panel_bytes);
  std::byte* panels = scratch.panels.reserve(static_cast<size_t>(panel_bytes));
  std::byte* tiles = scratch.tiles.reserve(tile_bytes(kernels, pool.threads()));

  const Linear job(precision, kernels, pool.threads());
  pool.run([&](int thread) {
    for (const Round& round : rounds) {
      if (&round != rounds.data()) pool.barrier();  // nobody still reads the panels of the round before
      job.make_panels(round, thread, panels);
      pool.barrier();
      job.multiply(round, thread, panels, tiles + kernels.matmul.scratch_bytes * static_cast<size_t>(thread));
    }
  });
}

}  // namespace r1
