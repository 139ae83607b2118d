#include "ops/moe.h"

#include "ops/activation.h"
#include "ops/rows.h"

namespace r1 {
namespace {

std::span<int32_t> indices(Pass& pass, int64_t count) {
  return {pass.arena.tensor({count}, DType::I32).i32(), static_cast<size_t>(count)};
}

// The (row, choice) pairs of a pass ordered by expert, and by row within an expert.
struct Groups {
  std::vector<int64_t> begin;  // of each expert among the ordered pairs; one more at the end
  std::span<int32_t> row;      // row of x of each ordered pair
  std::span<int32_t> place;    // where pair row * chosen + j stands in that order
};

Groups group_by_expert(Pass& pass, const Routing& routing, size_t experts) {
  const int64_t pairs = routing.experts.elements(), chosen = routing.experts.cols();
  const int32_t* expert = routing.experts.i32();
  Groups groups{std::vector<int64_t>(experts + 1), indices(pass, pairs), indices(pass, pairs)};
  for (int64_t p = 0; p < pairs; ++p) ++groups.begin[static_cast<size_t>(expert[p]) + 1];
  for (size_t e = 0; e < experts; ++e) groups.begin[e + 1] += groups.begin[e];
  std::vector<int64_t> next(groups.begin.begin(), groups.begin.end() - 1);
  for (int64_t p = 0; p < pairs; ++p) {
    const int64_t place = next[static_cast<size_t>(expert[p])]++;
    groups.place[static_cast<size_t>(p)] = static_cast<int32_t>(place);
    groups.row[static_cast<size_t>(place)] = static_cast<int32_t>(p / chosen);
  }
  return groups;
}

}  // namespace

Routing route(Pass& pass, Tensor logits, Tensor bias, const RouterRule& rule) {
  R1_CHECK(logits.cols() == rule.experts && rule.chosen <= rule.experts, "{}, {} of {} experts", logits.shape_text(),
           rule.chosen, rule.experts);
  const Routing routing = {pass.arena.tensor({logits.rows(), rule.chosen}, DType::I32),
                           pass.arena.tensor({logits.rows(), rule.chosen})};
  const auto pairs = static_cast<size_t>(routing.experts.elements());
  pass.backend.route(logits, bias, rule, {routing.experts.i32(), pairs}, {routing.weights.f32(), pairs});
  return routing;
}

Tensor mix_experts(Pass& pass, Tensor base, Tensor x, const Routing& routing, std::span<const Expert> experts) {
  const int64_t pairs = routing.experts.elements(), ffn = experts[0].gate.out();
  const Groups groups = group_by_expert(pass, routing, experts.size());
  const Tensor grouped = gather_rows(pass, x, groups.row);
  const Tensor gate = pass.arena.tensor({pairs, ffn}), up = pass.arena.tensor({pairs, ffn});
  const Tensor result = pass.arena.tensor({pairs, x.cols()});

  std::vector<Projection> in, out;
  for (size_t e = 0; e < experts.size(); ++e) {
    const int64_t begin = groups.begin[e], end = groups.begin[e + 1];
    if (begin == end) continue;
    const Expert& expert = experts[e];
    const Tensor rows = grouped.slice_rows(begin, end), hidden = gate.slice_rows(begin, end);
    in.push_back({hidden, &expert.gate.weight, rows, expert.gate.bias});
    in.push_back({up.slice_rows(begin, end), &expert.up.weight, rows, expert.up.bias});
    out.push_back({result.slice_rows(begin, end), &expert.down.weight, hidden, expert.down.bias});
  }
  project(pass, in);
  silu_mul(pass, gate, up);  // into gate, which `out` reads
  project(pass, out);
  pass.backend.combine_rows(base, result, groups.place, {routing.weights.f32(), static_cast<size_t>(pairs)},
                            static_cast<int>(routing.experts.cols()));
  return base;
}

}  // namespace r1
