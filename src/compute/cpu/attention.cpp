#include "compute/cpu/attention.h"

#include <algorithm>
#include <atomic>
#include <vector>

#include "compute/cpu/attention_kernels.h"
#include "compute/cpu/attention_pages.h"

namespace r1 {
namespace {

constexpr int64_t kPartPositions = 1024;  // decisions.md 3: where work over positions may be cut
constexpr int64_t kPartPages = kPartPositions / kPagePositions;
constexpr int kGroupedPanels = 8, kAbsorbedPanels = 2;  // per item, at most: what the pages then serve from near caches
constexpr int64_t kRangesPerThread = 4;                 // more of them are work enough without cutting
constexpr int64_t kMostPartBytes = int64_t{256} << 20;  // of states waiting to be merged

// Queries [first, last) of one kv head of a sequence, counted row by row and in a row head by head.
struct Range {
  const SequenceRows* sequence;
  int kv_head;
  int64_t first, last;
  float* parts = nullptr;  // [parts][last - first] states, if the parts are made apart
};

struct Item {
  const Range* range;
  int64_t first_part, last_part;
  int64_t cost;
};

size_t line_up(size_t bytes) { return (bytes + 63) / 64 * 64; }

const AttentionLayout& layout_of(const AttentionShape& shape, const AttentionKernels& kernels) {
  return kernels.layouts[shape.kv.value_in_key][shape.kv.dtype == DType::BF16];
}

// Of a range.
int64_t most_queries(const AttentionShape& shape, const AttentionLayout& layout) {
  return int64_t{layout.queries} * (shape.kv.value_in_key ? kAbsorbedPanels : kGroupedPanels);
}

// Panels, what prepare_page may fill, and two states for each of a range's queries.
size_t thread_bytes(const AttentionShape& shape, const AttentionLayout& layout, int64_t queries) {
  const KvShape& kv = shape.kv;
  const auto panels = static_cast<size_t>((queries + layout.queries - 1) / layout.queries);
  const size_t states = static_cast<size_t>(2 * queries * state_floats(kv.value_dim)) * sizeof(float);
  return panels * line_up(layout.panel_bytes(kv.key_dim)) + line_up(layout.scratch_bytes(kv.key_dim, kv.value_dim)) +
         line_up(states);
}

// One call of attention.
class Attention {
 public:
  Attention(Tensor out, Tensor q, const AttentionShape& shape, std::span<const SequenceRows> sequences,
            const Kernels& kernels, ThreadPool& pool, ScratchMemory& scratch)
      : out_(out),
        q_(q),
        shape_(shape),
        kernels_(kernels.attention),
        layout_(layout_of(shape, kernels_)),
        pool_(pool),
        group_(shape.heads / shape.kv.kv_heads),
        state_floats_(state_floats(shape.kv.value_dim)) {
    cut_ranges(sequences);
    cut_items(scratch);
  }

  void run() {
    if (items_.size() <= 1) {
      for (const Item& item : items_) attend(item, 0);
      return merge_parts(0, 1);
    }
    pool_.run([&](int thread) {
      for (size_t i = next_++; i < items_.size(); i = next_++) attend(items_[i], thread);
      if (!split_) return;
      pool_.barrier();
      merge_parts(thread, pool_.threads());
    });
  }

 private:
  int64_t position_of(const Range& range, int64_t query) const { return range.sequence->position + query / group_; }
  int64_t parts_of(const Range& range) const { return position_of(range, range.last - 1) / kPartPositions + 1; }
  int64_t width(const Range& range) const { return range.last - range.first; }

  void cut_ranges(std::span<const SequenceRows> sequences);
  void cut_items(ScratchMemory& scratch);
  void make_panels(const Range& range, std::byte* panels) const;
  void attend(const Item& item, int thread);
  void attend_part(const Range& range, int64_t part, const std::byte* panels, std::byte* page_scratch,
                   float* states) const;
  void merge(const Range& range, int64_t query, float* state, const float* part_state, int64_t part) const;
  void merge_parts(int thread, int threads) const;
  void finish(const Range& range, int64_t query, const float* state) const;

  Tensor out_, q_;
  const AttentionShape& shape_;
  const AttentionKernels& kernels_;
  const AttentionLayout& layout_;
  ThreadPool& pool_;
  std::byte* memory_ = nullptr;  // thread_bytes_ for each thread
  size_t thread_bytes_ = 0;
  const int64_t group_, state_floats_;
  int64_t most_queries_ = 0;  // of a range
  bool split_ = false;        // the parts of a range are items of their own
  std::vector<Range> ranges_;
  std::vector<Item> items_;
  std::atomic<size_t> next_{0};
};

void Attention::cut_ranges(std::span<const SequenceRows> sequences) {
  int64_t queries = 0;
  for (const SequenceRows& sequence : sequences) queries += sequence.rows * shape_.heads;
  const int64_t panel = layout_.queries;
  const int64_t most = most_queries(shape_, layout_);
  const int64_t share = queries / (2 * pool_.threads()) / panel * panel;
  most_queries_ = std::clamp(share, panel, most);
  for (const SequenceRows& sequence : sequences) {
    const int64_t all = sequence.rows * group_;
    for (int head = 0; head < shape_.kv.kv_heads; ++head) {
      for (int64_t first = 0; first < all; first += most_queries_) {
        ranges_.push_back({&sequence, head, first, std::min(all, first + most_queries_)});
      }
    }
  }
}

// Few ranges at depth are cut into their parts, so that there is work for all threads. The costliest items go first.
void Attention::cut_items(ScratchMemory& scratch) {
  int64_t states = 0, parts = 0;
  for (const Range& range : ranges_) {
    states += parts_of(range) * width(range);
    parts = std::max(parts, parts_of(range));
  }
  const auto bytes = states * state_floats_ * static_cast<int64_t>(sizeof(float));
  split_ = pool_.threads() > 1 && parts > 1 &&
           static_cast<int64_t>(ranges_.size()) < kRangesPerThread * pool_.threads() && bytes <= kMostPartBytes;
  thread_bytes_ = thread_bytes(shape_, layout_, most_queries_);
  const size_t of_threads = thread_bytes_ * static_cast<size_t>(pool_.threads());
  memory_ = scratch.reserve(of_threads + (split_ ? static_cast<size_t>(bytes) : 0));
  auto* part_states = reinterpret_cast<float*>(memory_ + of_threads);
  for (Range& range : ranges_) {
    const int64_t count = parts_of(range), positions = position_of(range, range.last - 1) + 1;
    if (!split_) {
      items_.push_back({&range, 0, count, width(range) * positions});
      continue;
    }
    range.parts = part_states;
    part_states += count * width(range) * state_floats_;
    for (int64_t part = 0; part < count; ++part) {
      items_.push_back(
          {&range, part, part + 1, width(range) * std::min(kPartPositions, positions - part * kPartPositions)});
    }
  }
  std::stable_sort(items_.begin(), items_.end(), [](const Item& a, const Item& b) { return a.cost > b.cost; });
}

void Attention::make_panels(const Range& range, std::byte* panels) const {
  const float* queries[kPageKeys];
  R1_CHECK(layout_.queries <= kPageKeys, "{} queries per panel", layout_.queries);
  for (int64_t first = range.first; first < range.last; first += layout_.queries) {
    const int count = static_cast<int>(std::min<int64_t>(layout_.queries, range.last - first));
    for (int m = 0; m < count; ++m) {
      const int64_t row = range.sequence->row + (first + m) / group_,
                    head = range.kv_head * group_ + (first + m) % group_;
      queries[m] = q_.f32(row) + head * shape_.kv.key_dim;
    }
    layout_.make_panel(queries, count, shape_.kv.key_dim, shape_.scale, panels);
    panels += line_up(layout_.panel_bytes(shape_.kv.key_dim));
  }
}

void Attention::attend(const Item& item, int thread) {
  const Range& range = *item.range;
  std::byte* panels = memory_ + thread_bytes_ * static_cast<size_t>(thread);
  const auto count = (width(range) + layout_.queries - 1) / layout_.queries;
  std::byte* page_scratch = panels + static_cast<size_t>(count) * line_up(layout_.panel_bytes(shape_.kv.key_dim));
  auto* total =
      reinterpret_cast<float*>(page_scratch + line_up(layout_.scratch_bytes(shape_.kv.key_dim, shape_.kv.value_dim)));
  float* part_states = total + width(range) * state_floats_;
  make_panels(range, panels);
  if (split_) {
    return attend_part(range, item.first_part, panels, page_scratch,
                       range.parts + item.first_part * width(range) * state_floats_);
  }
  for (int64_t part = item.first_part; part < item.last_part; ++part) {
    attend_part(range, part, panels, page_scratch, part == 0 ? total : part_states);
    for (int64_t i = 0; part > 0 && i < width(range); ++i) {
      merge(range, range.first + i, total + i * state_floats_, part_states + i * state_floats_, part);
    }
  }
  for (int64_t i = 0; i < width(range); ++i) finish(range, range.first + i, total + i * state_floats_);
}

// The states of a range's queries after the positions of one part, page by page.
void Attention::attend_part(const Range& range, int64_t part, const std::byte* panels, std::byte* page_scratch,
                            float* states) const {
  const KvShape& kv = shape_.kv;
  const int64_t last_position = position_of(range, range.last - 1),
                panel_bytes = line_up(layout_.panel_bytes(kv.key_dim));
  const int64_t last_page = std::min((part + 1) * kPartPages, last_position / kPagePositions + 1);
  for (int64_t i = 0; i < width(range); ++i) kernels_.start(states + i * state_floats_, kv.value_dim);

  PanelPage work;
  work.key_dim = kv.key_dim;
  work.value_dim = kv.value_dim;
  int limits[kPageKeys];
  work.limits = limits;
  for (int64_t page = part * kPartPages; page < last_page; ++page) {
    const int64_t begin = page * kPagePositions;
    const int seen = static_cast<int>(std::min<int64_t>(kPageKeys, last_position + 1 - begin));
    const std::byte* head = range.sequence->blocks[static_cast<size_t>(page)] + range.kv_head * page_head_bytes(kv);
    layout_.prepare_page(work, head, seen, page_scratch);
    work.panel = panels;
    for (int64_t first = range.first; first < range.last; first += layout_.queries) {
      work.queries = static_cast<int>(std::min<int64_t>(layout_.queries, range.last - first));
      work.states = states + (first - range.first) * state_floats_;
      for (int m = 0; m < work.queries; ++m) {
        limits[m] = static_cast<int>(std::clamp<int64_t>(position_of(range, first + m) + 1 - begin, 0, kPageKeys));
      }
      layout_.attend_page(work);
      work.panel += panel_bytes;
    }
  }
}

// Parts behind the query's own position have nothing to say to it.
void Attention::merge(const Range& range, int64_t query, float* state, const float* part_state, int64_t part) const {
  if (position_of(range, query) >= part * kPartPositions) kernels_.merge(state, part_state, shape_.kv.value_dim);
}

void Attention::merge_parts(int thread, int threads) const {
  if (!split_) return;
  int64_t turn = 0;
  for (const Range& range : ranges_) {
    for (int64_t i = 0; i < width(range); ++i) {
      if (turn++ % threads != thread) continue;
      float* total = range.parts + i * state_floats_;
      for (int64_t part = 1; part < parts_of(range); ++part) {
        merge(range, range.first + i, total, total + part * width(range) * state_floats_, part);
      }
      finish(range, range.first + i, total);
    }
  }
}

void Attention::finish(const Range& range, int64_t query, const float* state) const {
  const int64_t row = range.sequence->row + query / group_, head = range.kv_head * group_ + query % group_;
  kernels_.finish(out_.f32(row) + head * shape_.kv.value_dim, state, shape_.kv.value_dim);
}

}  // namespace

void store_kv(const KvShape& shape, Tensor keys, Tensor values, std::span<const SequenceRows> sequences,
              ThreadPool& pool) {
  const int64_t head_bytes = page_head_bytes(shape);
  const auto store_rows = [&](const SequenceRows& sequence, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = sequence.row + i, position = sequence.position + i;
      std::byte* page = sequence.blocks[static_cast<size_t>(position / kPagePositions)];
      for (int head = 0; head < shape.kv_heads; ++head) {
        const float* value = shape.value_in_key ? nullptr : values.f32(row) + head * shape.value_dim;
        store_position(shape, page + head * head_bytes, position % kPagePositions, keys.f32(row) + head * shape.key_dim,
                       value);
      }
    }
  };
  constexpr int64_t kRowsWorthAThread = 16;
  for (const SequenceRows& sequence : sequences) {
    if (sequence.rows < 2 * kRowsWorthAThread) {
      store_rows(sequence, 0, sequence.rows);
    } else {
      pool.parallel_for(sequence.rows, [&](int64_t begin, int64_t end) { store_rows(sequence, begin, end); });
    }
  }
}

void attention(Tensor out, Tensor q, const AttentionShape& shape, std::span<const SequenceRows> sequences,
               const Kernels& kernels, ThreadPool& pool, ScratchMemory& scratch) {
  Attention(out, q, shape, sequences, kernels, pool, scratch).run();
}

size_t attention_scratch_bytes(const AttentionShape& shape, int64_t rows, int64_t positions, const Kernels& kernels,
                               int threads) {
  const AttentionLayout& layout = layout_of(shape, kernels.attention);
  const int64_t most = most_queries(shape, layout), parts = (positions + kPartPositions - 1) / kPartPositions;
  const size_t of_threads = thread_bytes(shape, layout, most) * static_cast<size_t>(threads);
  if (threads == 1 || parts <= 1) return of_threads;
  const int64_t queries = std::min(rows * shape.heads, kRangesPerThread * threads * most);
  const int64_t state_bytes = state_floats(shape.kv.value_dim) * static_cast<int64_t>(sizeof(float));
  return of_threads + static_cast<size_t>(std::min(kMostPartBytes, queries * parts * state_bytes));
}

}  // namespace r1
