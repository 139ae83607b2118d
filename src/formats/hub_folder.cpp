#include "formats/hub_folder.h"

#include <sstream>

namespace r1 {
namespace {

constexpr size_t kMostConfigBytes = size_t{16} << 20;

Json read_object(const std::filesystem::path& path) {
  Json json = parse_json(read_regular_file(path, kMostConfigBytes), path.string(), {}, Exit::kBadModel);
  if (!json.is_object()) fail(Exit::kBadModel, "{}: is {}, expected an object", path.string(), json.type_name());
  return json;
}

// "license: mit" in the YAML head of a model card.
std::string license_of_card(const std::string& card) {
  std::istringstream lines(card);
  std::string line;
  if (!std::getline(lines, line) || !line.starts_with("---")) return "";
  while (std::getline(lines, line) && !line.starts_with("---")) {
    constexpr std::string_view kKey = "license:";
    if (!line.starts_with(kKey)) continue;
    const size_t begin = line.find_first_not_of(" \t\"'", kKey.size()), end = line.find_last_not_of(" \t\r\"'");
    return begin == std::string::npos || end < begin ? "" : line.substr(begin, end - begin + 1);
  }
  return "";
}

std::string first_line(const std::string& text) {
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line)) {
    const size_t begin = line.find_first_not_of(" \t"), end = line.find_last_not_of(" \t\r");
    if (begin != std::string::npos) return line.substr(begin, end - begin + 1);
  }
  return "";
}

}  // namespace

HubFolder::HubFolder(const std::filesystem::path& folder) : folder_(folder) {
  if (kind_of(folder / "config.json") == FileKind::Nothing) {
    fail(Exit::kNotFound, "{}: has no config.json, and so is not a model in hub layout", folder.string());
  }
  config_ = read_object(folder / "config.json");
  if (kind_of(folder / "generation_config.json") != FileKind::Nothing)
    generation_config_ = read_object(folder / "generation_config.json");
  shards_ = open_shards(folder);
  for (const auto& shard : shards_) {
    for (const auto& [name, tensor] : shard->tensors()) {
      shard->values(name);  // a type that r1 cannot hold is refused now, by name
      where_.emplace(name, shard.get());
    }
  }
}

std::vector<std::string> HubFolder::names() const {
  std::vector<std::string> names;
  names.reserve(where_.size());
  for (const auto& [name, shard] : where_) names.emplace_back(name);
  return names;
}

std::optional<StoredTensor> HubFolder::find(std::string_view hub_name) const {
  const auto found = where_.find(hub_name);
  if (found == where_.end()) return std::nullopt;
  return StoredTensor{found->second->values(hub_name), found->second->file(), std::string(hub_name)};
}

std::string HubFolder::license() const {
  if (kind_of(folder_ / "README.md") != FileKind::Nothing) {
    const std::string license = license_of_card(read_regular_file(folder_ / "README.md", kMostConfigBytes));
    if (!license.empty()) return license;
  }
  for (const char* name : {"LICENSE", "LICENSE.txt", "LICENSE.md"}) {
    if (kind_of(folder_ / name) != FileKind::Nothing)
      return first_line(read_regular_file(folder_ / name, kMostConfigBytes));
  }
  const auto found = config_.find("license");
  return found != config_.end() && found->is_string() ? found->get<std::string>() : "";
}

void HubFolder::forget(const Tensor& values) const {
  const std::span bytes(values.data(), static_cast<size_t>(values.bytes()));
  for (const auto& shard : shards_) {
    const auto mapped = shard->mapping().bytes();
    if (bytes.data() >= mapped.data() && bytes.data() < mapped.data() + mapped.size()) shard->mapping().forget(bytes);
  }
}

}  // namespace r1
