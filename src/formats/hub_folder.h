// A folder in hub layout as a WeightSource: config.json and safetensors.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "formats/safetensors.h"
#include "formats/weight_source.h"

namespace r1 {

class HubFolder : public WeightSource {
 public:
  explicit HubFolder(const std::filesystem::path& folder);

  std::vector<std::string> names() const override;
  std::optional<StoredTensor> find(std::string_view hub_name) const override;
  const Json& config() const override { return config_; }
  const Json& generation_config() const override { return generation_config_; }
  std::string license() const override;
  std::string path() const override { return folder_.string(); }
  void forget(const Tensor& values) const override;

 private:
  std::filesystem::path folder_;
  Json config_, generation_config_ = Json::object();
  std::vector<std::unique_ptr<Safetensors>> shards_;
  std::map<std::string_view, const Safetensors*, std::less<>> where_;
};

}  // namespace r1
