#include "formats/gguf_source.h"

#include "formats/gguf_config.h"
#include "formats/gguf_names.h"

namespace r1 {

GgufSource::GgufSource(const std::filesystem::path& path) : gguf_(path) {
  if (gguf_.tensors().empty()) fail(Exit::kNotFound, "{}: has no tensors, only a vocabulary", gguf_.file());
  config_ = config_from_gguf(gguf_);
  generation_config_ = generation_config_from_gguf(gguf_.metadata());
  const FusedParts fused = fused_parts(config_);
  for (const GgufTensor* tensor : gguf_.tensors()) {
    for (auto& [name, values] : hub_tensors(tensor->name, tensor->values(), fused, *tensor->file)) {
      const auto [other, inserted] = entries_.emplace(name, Entry{values, tensor});
      if (!inserted) {
        fail(Exit::kBadModel, "{}: tensors '{}' and '{}' both hold '{}'", *tensor->file, other->second.stored->name,
             tensor->name, name);
      }
    }
  }
}

std::vector<std::string> GgufSource::names() const {
  std::vector<std::string> names;
  names.reserve(entries_.size());
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

std::optional<StoredTensor> GgufSource::find(std::string_view hub_name) const {
  const auto found = entries_.find(hub_name);
  if (found == entries_.end()) return std::nullopt;
  const GgufTensor& stored = *found->second.stored;
  return StoredTensor{found->second.values, *stored.file, std::string(stored.name)};
}

std::string GgufSource::license() const { return std::string(gguf_.metadata().string("general.license").value_or("")); }

void GgufSource::forget(const Tensor& values) const {
  gguf_.forget({values.data(), static_cast<size_t>(values.bytes())});
}

}  // namespace r1
