#include "ops/linear.h"

#include <vector>

namespace r1 {
namespace {

void check(const Projection& p) {
  const int64_t out = p.weight->rows, in = p.weight->cols;
  R1_CHECK(p.x.dtype() == DType::F32 && p.y.dtype() == DType::F32, "{} -> {}", name(p.x.dtype()), name(p.y.dtype()));
  R1_CHECK(p.x.cols() == in && p.y.cols() == out && p.x.rows() == p.y.rows(), "{} by [{}, {}] -> {}", p.x.shape_text(),
           out, in, p.y.shape_text());
  R1_CHECK(p.bias.empty() || p.bias.elements() == out, "bias {} of {} rows", p.bias.shape_text(), out);
}

Tensor linear_at(Pass& pass, Tensor x, const Linear& map, Precision precision) {
  const Projection projection = {pass.arena.tensor({x.rows(), map.out()}), &map.weight, x, map.bias};
  check(projection);
  pass.backend.linear({&projection, 1}, precision);
  return projection.y;
}

}  // namespace

Tensor linear(Pass& pass, Tensor x, const Linear& map) { return linear_at(pass, x, map, pass.precision); }

Tensor exact_linear(Pass& pass, Tensor x, const Linear& map) { return linear_at(pass, x, map, Precision::Exact); }

void project(Pass& pass, std::span<const Projection> projections) {
  for (const Projection& projection : projections) check(projection);
  pass.backend.linear(projections, pass.precision);
}

void head_linears(Pass& pass, Tensor y, Tensor x, std::span<const Linear> heads) {
  const auto count = static_cast<int64_t>(heads.size());
  R1_CHECK(x.cols() % count == 0 && y.cols() % count == 0, "{} -> {}, {} heads", x.shape_text(), y.shape_text(), count);
  const int64_t x_width = x.cols() / count, y_width = y.cols() / count;
  std::vector<Projection> projections;
  projections.reserve(heads.size());
  for (int64_t h = 0; h < count; ++h) {
    const Linear& map = heads[static_cast<size_t>(h)];
    projections.push_back({y.slice_cols(h * y_width, h * y_width + map.out()), &map.weight,
                           x.slice_cols(h * x_width, h * x_width + map.in()), map.bias});
  }
  project(pass, projections);
}

}  // namespace r1
