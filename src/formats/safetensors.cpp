#include "formats/safetensors.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "base/json.h"

namespace r1 {
namespace {

constexpr uint64_t kMostHeaderBytes = 100'000'000;

struct TypeBits {
  std::string_view name;
  int bits;
  std::optional<DType> dtype;
};

constexpr TypeBits kTypes[] = {
    {"F32", 32, DType::F32},        {"F16", 16, DType::F16},          {"BF16", 16, DType::BF16},
    {"F8_E4M3", 8, DType::F8_E4M3}, {"I32", 32, DType::I32},          {"BOOL", 8, std::nullopt},
    {"U8", 8, std::nullopt},        {"I8", 8, std::nullopt},          {"F8_E5M2", 8, std::nullopt},
    {"F8_E8M0", 8, std::nullopt},   {"F8_E4M3FNUZ", 8, std::nullopt}, {"F8_E5M2FNUZ", 8, std::nullopt},
    {"I16", 16, std::nullopt},      {"U16", 16, std::nullopt},        {"U32", 32, std::nullopt},
    {"F64", 64, std::nullopt},      {"I64", 64, std::nullopt},        {"U64", 64, std::nullopt},
    {"C64", 64, std::nullopt},      {"F4", 4, std::nullopt},          {"F6_E2M3", 6, std::nullopt},
    {"F6_E3M2", 6, std::nullopt},
};

const TypeBits* find_type(std::string_view name) {
  for (const TypeBits& type : kTypes) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

// Reads one entry of the header; `what` names file and tensor.
class EntryReader {
 public:
  EntryReader(const std::string& file, const std::string& name, const Json& entry)
      : file_(file), name_(name), entry_(entry) {}

  SafetensorsTensor read(std::span<const std::byte> data) const {
    if (!entry_.is_object()) bad("is {} in the header, expected an object", entry_.type_name());
    SafetensorsTensor tensor;
    const Json& dtype = field("dtype");
    if (!dtype.is_string()) bad("has a dtype that is no string");
    tensor.dtype = dtype.get<std::string>();
    const TypeBits* type = find_type(tensor.dtype);
    if (type == nullptr) bad("has the unknown dtype '{}'", quotable(tensor.dtype));
    const uint64_t size = read_shape(*type, &tensor.shape);
    const auto [begin, end] = read_offsets();
    if (begin > end) bad("has data_offsets [{}, {}], of which the end comes first", begin, end);
    if (end - begin != size) {
      bad("has {} bytes, expected {} for {} {}", end - begin, size, tensor.dtype, shape_text(tensor.shape));
    }
    if (end > data.size()) bad("ends at byte {} of the data, and there are {}: the file is cut off", end, data.size());
    tensor.bytes = data.subspan(begin, size);
    return tensor;
  }

 private:
  template <typename... Args>
  [[noreturn]] void bad(fmt::format_string<Args...> format, Args&&... args) const {
    fail(Exit::kBadModel, "{}: tensor '{}' {}", file_, quotable(name_),
         fmt::format(format, std::forward<Args>(args)...));
  }

  const Json& field(const char* key) const {
    const auto found = entry_.find(key);
    if (found == entry_.end()) bad("has no '{}'", key);
    return *found;
  }

  uint64_t read_number(const Json& value, const char* where) const {
    if (!value.is_number_unsigned())
      bad("has {} in its {}, expected a non-negative integer", value.dump().substr(0, 40), where);
    return value.get<uint64_t>();
  }

  // The size in bytes.
  uint64_t read_shape(const TypeBits& type, std::vector<int64_t>* shape) const {
    const Json& extents = field("shape");
    if (!extents.is_array()) bad("has a shape that is no array");
    // An empty tensor's other extents count too: [2^60, 0] has rows that no loop would ever end, of a product that
    // no view could hold.
    uint64_t bits = static_cast<uint64_t>(type.bits);
    bool empty = false;
    for (const Json& extent : extents) {
      const uint64_t number = read_number(extent, "shape");
      if (__builtin_mul_overflow(bits, std::max<uint64_t>(1, number), &bits) || bits > INT64_MAX)
        bad("has a shape beyond 2^63 bits");
      empty |= number == 0;
      shape->push_back(static_cast<int64_t>(number));
    }
    if (empty) return 0;
    if (bits % 8 != 0) bad("has {} bits, no whole number of bytes", bits);
    return bits / 8;
  }

  std::pair<uint64_t, uint64_t> read_offsets() const {
    const Json& offsets = field("data_offsets");
    if (!offsets.is_array() || offsets.size() != 2) bad("has data_offsets that are no pair");
    return {read_number(offsets[0], "data_offsets"), read_number(offsets[1], "data_offsets")};
  }

  const std::string& file_;
  const std::string& name_;
  const Json& entry_;
};

std::string_view header_text(std::span<const std::byte> bytes, const std::string& file) {
  if (bytes.size() < 8)
    fail(Exit::kBadModel, "{}: has {} bytes, fewer than the 8 of a safetensors header", file, bytes.size());
  uint64_t length;
  std::memcpy(&length, bytes.data(), 8);
  if (length > kMostHeaderBytes) {
    fail(Exit::kBadModel, "{}: claims a header of {} bytes, more than the {} that safetensors allows", file, length,
         kMostHeaderBytes);
  }
  if (length > bytes.size() - 8) {
    fail(Exit::kBadModel, "{}: is cut off: its header takes {} bytes, and the file has {}", file, length, bytes.size());
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + 8, length);
  if (text.empty() || text[0] != '{') fail(Exit::kBadModel, "{}: its header does not begin with '{{'", file);
  return text;
}

void read_metadata(const Json& metadata, const std::string& file, std::map<std::string, std::string>* result) {
  if (!metadata.is_object())
    fail(Exit::kBadModel, "{}: its __metadata__ is {}, expected an object", file, metadata.type_name());
  for (const auto& [key, value] : metadata.items()) {
    if (!value.is_string())
      fail(Exit::kBadModel, "{}: its __metadata__ '{}' is {}, expected a string", file, key, value.type_name());
    result->emplace(key, value.get<std::string>());
  }
}

// The tensors' bytes must fill the data section: no hole, no overlap, nothing after.
void check_coverage(const std::map<std::string, SafetensorsTensor, std::less<>>& tensors,
                    std::span<const std::byte> data, const std::string& file) {
  using Place = std::pair<const std::byte*, const std::byte*>;
  std::vector<std::pair<Place, const std::string*>> places;
  for (const auto& [name, tensor] : tensors) {
    places.push_back({{tensor.bytes.data(), tensor.bytes.data() + tensor.bytes.size()}, &name});
  }
  std::sort(places.begin(), places.end());
  const std::byte* at = data.data();
  for (const auto& [place, name] : places) {
    if (place.first != at) {
      fail(Exit::kBadModel, "{}: tensor '{}' begins at byte {} of the data, expected {}: {}", file, *name,
           place.first - data.data(), at - data.data(),
           place.first < at ? "it overlaps the one before" : "there is a hole");
    }
    at = place.second;
  }
  if (at != data.data() + data.size()) {
    fail(Exit::kBadModel, "{}: has {} bytes after its last tensor", file, data.data() + data.size() - at);
  }
}

}  // namespace

std::optional<DType> SafetensorsTensor::known_dtype() const {
  const TypeBits* type = find_type(dtype);
  return type == nullptr ? std::nullopt : type->dtype;
}

SafetensorsHeader::SafetensorsHeader(std::span<const std::byte> bytes, const std::string& file) {
  const std::string_view text = header_text(bytes, file);
  const auto data = bytes.subspan(8 + text.size());
  const Json header = parse_json(text, file + " (header)", {}, Exit::kBadModel);
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      read_metadata(entry, file, &metadata);
    } else {
      tensors.emplace(name, EntryReader(file, name, entry).read(data));
    }
  }
  check_coverage(tensors, data, file);
}

Safetensors::Safetensors(const std::filesystem::path& path)
    : mapping_(path), name_(path.string()), header_(mapping_.bytes(), name_) {}

const SafetensorsTensor* Safetensors::find(std::string_view name) const {
  const auto found = header_.tensors.find(name);
  return found == header_.tensors.end() ? nullptr : &found->second;
}

Tensor Safetensors::values(std::string_view name) const {
  const SafetensorsTensor* tensor = find(name);
  if (tensor == nullptr) fail(Exit::kBadModel, "{}: tensor '{}' is missing", name_, name);
  const auto dtype = tensor->known_dtype();
  if (!dtype) {
    fail(Exit::kBadModel, "{}: tensor '{}' is of type {}; r1 computes with F32, F16, BF16 and F8_E4M3", name_, name,
         tensor->dtype);
  }
  if (tensor->shape.size() > 4) {
    fail(Exit::kBadModel, "{}: tensor '{}' has the shape {}, expected at most 4 extents", name_, name,
         shape_text(tensor->shape));
  }
  return Tensor(tensor->bytes.data(), *dtype, tensor->shape.data(), static_cast<int>(tensor->shape.size()));
}

namespace {

constexpr const char* kIndexName = "model.safetensors.index.json";
constexpr const char* kSingleName = "model.safetensors";

// tensor -> file, from the index.
std::map<std::string, std::string> read_index(const std::filesystem::path& path) {
  const Json index = parse_json(read_regular_file(path), path.string(), {}, Exit::kBadModel);
  const auto map = index.is_object() ? index.find("weight_map") : index.end();
  if (map == index.end() || !map->is_object()) fail(Exit::kBadModel, "{}: has no object 'weight_map'", path.string());
  std::map<std::string, std::string> files;
  for (const auto& [tensor, file] : map->items()) {
    if (!file.is_string()) fail(Exit::kBadModel, "{}: the file of tensor '{}' is no string", path.string(), tensor);
    const auto name = file.get<std::string>();
    if (name.empty() || name == "." || name == ".." ||
        name.find_first_of(std::string_view("/\\\0", 3)) != std::string::npos) {
      fail(Exit::kBadModel, "{}: tensor '{}' is said to be in '{}', which is no plain file name", path.string(), tensor,
           name);
    }
    files.emplace(tensor, name);
  }
  if (files.empty()) fail(Exit::kBadModel, "{}: its 'weight_map' is empty", path.string());
  return files;
}

void check_shard(const Safetensors& shard, const std::string& name, const std::map<std::string, std::string>& files,
                 const std::string& index) {
  for (const auto& [tensor, values] : shard.tensors()) {
    const auto mapped = files.find(tensor);
    if (mapped == files.end()) fail(Exit::kBadModel, "{}: tensor '{}' is not in {}", shard.file(), tensor, index);
    if (mapped->second != name) {
      fail(Exit::kBadModel, "{}: tensor '{}' is here, and {} says it is in {}", shard.file(), tensor, index,
           mapped->second);
    }
  }
}

}  // namespace

std::vector<std::unique_ptr<Safetensors>> open_shards(const std::filesystem::path& folder) {
  std::vector<std::unique_ptr<Safetensors>> shards;
  const auto index_path = folder / kIndexName;
  if (kind_of(index_path) == FileKind::Nothing) {
    if (kind_of(folder / kSingleName) == FileKind::Nothing) {
      fail(Exit::kNotFound, "{}: has no weights (neither {} nor {})", folder.string(), kSingleName, kIndexName);
    }
    shards.push_back(std::make_unique<Safetensors>(folder / kSingleName));
    return shards;
  }
  const auto files = read_index(index_path);
  std::set<std::string> names;
  for (const auto& [tensor, file] : files) names.insert(file);
  std::map<std::string, const Safetensors*> by_name;
  for (const std::string& name : names) {
    shards.push_back(std::make_unique<Safetensors>(folder / name));
    by_name[name] = shards.back().get();
    check_shard(*shards.back(), name, files, index_path.string());
  }
  for (const auto& [tensor, file] : files) {
    if (by_name[file]->find(tensor) == nullptr) {
      fail(Exit::kBadModel, "{}: tensor '{}' is missing, and {} says it is here", by_name[file]->file(), tensor,
           index_path.string());
    }
  }
  return shards;
}

}  // namespace r1
