// A GGUF file as a WeightSource: hub names over its tensors, config.json from its metadata.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "formats/gguf.h"
#include "formats/weight_source.h"

namespace r1 {

class GgufSource : public WeightSource {
 public:
  explicit GgufSource(const std::filesystem::path& path);

  std::vector<std::string> names() const override;
  std::optional<StoredTensor> find(std::string_view hub_name) const override;
  const Json& config() const override { return config_; }
  const Json& generation_config() const override { return generation_config_; }
  std::string license() const override;
  std::string path() const override { return gguf_.file(); }
  void forget(const Tensor& values) const override;
  const Gguf& gguf() const { return gguf_; }

 private:
  struct Entry {
    Tensor values;
    const GgufTensor* stored;
  };
  Gguf gguf_;
  Json config_, generation_config_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace r1
