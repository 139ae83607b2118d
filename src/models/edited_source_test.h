// EditedSource: a model that is right but for what a test changes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "formats/weight_source.h"
#include "tensor/quant.h"

namespace r1 {

// A source with some tensors taken out, put in or replaced.
class EditedSource : public WeightSource {
 public:
  explicit EditedSource(const WeightSource& source) : source_(source) {
    for (const std::string& name : source.names()) tensors_[name] = *source.find(name);
  }

  std::map<std::string, StoredTensor>& tensors() { return tensors_; }

  // The numbers of a tensor, decoded to F32, to be changed.
  std::vector<float>& numbers(const std::string& name) {
    const Tensor whole = tensors_.at(name).values;
    std::vector<float>& numbers = numbers_[name];
    numbers.resize(static_cast<size_t>(whole.elements()));
    const int64_t rows = whole.rank() == 1 ? 1 : whole.rows();
    for (int64_t r = 0; r < rows; ++r) {
      decode(whole.dtype(), whole.rank() == 1 ? whole.data() : whole.row(r), numbers.data() + r * whole.cols(),
             whole.cols());
    }
    auto* data = static_cast<void*>(numbers.data());
    tensors_.at(name).values =
        whole.rank() == 1 ? Tensor(data, DType::F32, {whole.cols()}) : Tensor(data, DType::F32, {rows, whole.cols()});
    return numbers;
  }

  std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const auto& [name, tensor] : tensors_) names.push_back(name);
    return names;
  }
  std::optional<StoredTensor> find(std::string_view name) const override {
    const auto found = tensors_.find(std::string(name));
    return found == tensors_.end() ? std::nullopt : std::optional(found->second);
  }
  const Json& config() const override { return source_.config(); }
  const Json& generation_config() const override { return source_.generation_config(); }
  std::string license() const override { return ""; }
  std::string path() const override { return "the-model"; }
  void forget(const Tensor&) const override {}

 private:
  const WeightSource& source_;
  std::map<std::string, StoredTensor> tensors_;
  std::map<std::string, std::vector<float>> numbers_;
};

}  // namespace r1
