// Pass: one walk through the model: which backend computes, where activations live, how products round, where keys go.
// Ops are functions of a Pass and Tensors that compute at once and return a tensor in the pass's arena.
#pragma once

#include <functional>
#include <string_view>

#include "compute/arena.h"
#include "compute/backend.h"
#include "ops/kv_cache.h"
#include "tensor/tensor.h"

namespace r1 {

struct Pass {
  Backend& backend;
  Arena& arena;
  Precision precision = Precision::Exact;
  KvCache* cache = nullptr;  // null: the batch's own rows are the keys (its sequences name no pages)

  // Tests listen here: named activations as they are made ("layer0.attn_out"). Null in production.
  std::function<void(std::string_view name, const Tensor& value)> observer = nullptr;

  // `make_name` is called only where somebody listens.
  template <typename MakeName>
  void observe(MakeName&& make_name, const Tensor& value) const {
    if (observer) observer(make_name(), value);
  }
};

// Gives the arena memory that was taken in its lifetime back at its end: for what a layer needs and leaves behind. (A
// pass that remembers its way, for gradients, will have to keep it.)
class Scratch {
 public:
  explicit Scratch(Pass& pass) : arena_(pass.arena), mark_(pass.arena.mark()) {}
  ~Scratch() { arena_.rewind(mark_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

 private:
  Arena& arena_;
  Arena::Mark mark_;
};

}  // namespace r1
