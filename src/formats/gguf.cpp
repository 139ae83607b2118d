#include "formats/gguf.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>

#include "base/json.h"

namespace r1 {

static_assert(std::endian::native == std::endian::little, "the formats are little-endian, and so must the machine be");

namespace {

constexpr uint64_t kMostStringBytes = uint64_t{1} << 30;

std::optional<size_t> fixed_size(GgufType type) {
  switch (type) {
    case GgufType::U8:
    case GgufType::I8:
    case GgufType::Bool:
      return 1;
    case GgufType::U16:
    case GgufType::I16:
      return 2;
    case GgufType::U32:
    case GgufType::I32:
    case GgufType::F32:
      return 4;
    case GgufType::U64:
    case GgufType::I64:
    case GgufType::F64:
      return 8;
    default:
      return std::nullopt;
  }
}

}  // namespace

// Walks the bytes from front to back; every length is compared with what is left before it is used.
class GgufParser {
 public:
  GgufParser(std::span<const std::byte> bytes, const std::string& file) : bytes_(bytes), file_(file) {}

  void parse(GgufHeader* header) {
    header->metadata.file_ = file_;
    read_preamble(header);
    for (uint64_t i = 0; i < pair_count_; ++i) read_pair(&header->metadata);
    const uint64_t alignment = read_alignment(header->metadata);
    for (uint64_t i = 0; i < tensor_count_; ++i) header->tensors.push_back(read_tensor_info());
    place_tensors(&header->tensors, alignment);
  }

 private:
  template <typename... Args>
  [[noreturn]] void bad(fmt::format_string<Args...> format, Args&&... args) const {
    fail(Exit::kBadModel, "{}: {}", file_, fmt::format(format, std::forward<Args>(args)...));
  }

  size_t left() const { return bytes_.size() - at_; }

  std::span<const std::byte> take(uint64_t count, std::string_view what) {
    if (count > left())
      bad("is cut off: {} takes {} bytes at offset {}, and the file ends at {}", what, count, at_, bytes_.size());
    const auto part = bytes_.subspan(at_, count);
    at_ += count;
    return part;
  }

  template <typename T>
  T read(std::string_view what) {
    T value;
    std::memcpy(&value, take(sizeof value, what).data(), sizeof value);
    return value;
  }

  std::string_view read_string(std::string_view what) {
    const uint64_t length = read<uint64_t>(what);
    if (length > kMostStringBytes || length > left()) {
      bad("{} claims {} bytes at offset {}, and the file ends at {}", what, length, at_, bytes_.size());
    }
    const auto part = take(length, what);
    return {reinterpret_cast<const char*>(part.data()), part.size()};
  }

  void read_preamble(GgufHeader* header) {
    if (bytes_.size() < 4 || std::memcmp(bytes_.data(), "GGUF", 4) != 0)
      bad("is not a GGUF file (it does not begin with 'GGUF')");
    at_ = 4;
    header->version = read<uint32_t>("the version");
    if ((header->version & 0xFFFF) == 0) bad("is a big-endian GGUF file, which r1 does not read");
    if (header->version != 2 && header->version != 3)
      bad("is GGUF version {}; r1 reads versions 2 and 3", header->version);
    tensor_count_ = read<uint64_t>("the number of tensors");
    pair_count_ = read<uint64_t>("the number of metadata pairs");
    if (pair_count_ > left() / 13)
      bad("claims {} metadata pairs, more than its {} bytes can hold", pair_count_, bytes_.size());
    if (tensor_count_ > left() / 24)
      bad("claims {} tensors, more than its {} bytes can hold", tensor_count_, bytes_.size());
  }

  GgufType read_type(std::string_view key) {
    const uint32_t number = read<uint32_t>("a value type");
    if (number > static_cast<uint32_t>(GgufType::F64))
      bad("metadata '{}' has the unknown value type {}", quotable(key), number);
    return static_cast<GgufType>(number);
  }

  void read_pair(GgufMetadata* metadata) {
    const std::string_view key = read_string("a metadata key");
    if (key.empty()) bad("has an empty metadata key at offset {}", at_);
    GgufMetadata::Value value;
    value.type = read_type(key);
    if (value.type == GgufType::Array) {
      value.array = true;
      value.type = read_type(key);
      value.count = read<uint64_t>("an array length");
      if (value.type == GgufType::Array) bad("metadata '{}' is an array of arrays", quotable(key));
    }
    value.bytes = take_values(value.type, value.count, key);
    if (!metadata->values_.emplace(key, value).second) bad("has the metadata key '{}' twice", quotable(key));
  }

  std::span<const std::byte> take_values(GgufType type, uint64_t count, std::string_view key) {
    const size_t begin = at_;
    if (const auto size = fixed_size(type)) {
      if (count > left() / *size) {
        bad("metadata '{}' claims {} values of type {}, and {} bytes are left", quotable(key), count, name(type),
            left());
      }
      const auto values = take(count * *size, "metadata");
      if (type == GgufType::Bool) check_bools(values, key);
      return values;
    }
    if (count > left() / 8) bad("metadata '{}' claims {} strings, and {} bytes are left", quotable(key), count, left());
    for (uint64_t i = 0; i < count; ++i) read_string(fmt::format("metadata '{}'", quotable(key)));
    return bytes_.subspan(begin, at_ - begin);
  }

  void check_bools(std::span<const std::byte> values, std::string_view key) const {
    for (const std::byte value : values) {
      if (value > std::byte{1})
        bad("metadata '{}' has the bool {}, expected 0 or 1", quotable(key), static_cast<int>(value));
    }
  }

  uint64_t read_alignment(const GgufMetadata& metadata) const {
    const int64_t alignment = metadata.integer("general.alignment").value_or(32);
    if (alignment <= 0 || !std::has_single_bit(static_cast<uint64_t>(alignment)) || alignment > (int64_t{1} << 30)) {
      bad("metadata 'general.alignment' is {}, expected a power of two", alignment);
    }
    return static_cast<uint64_t>(alignment);
  }

  GgufTensor read_tensor_info() {
    GgufTensor tensor;
    tensor.file = &file_;
    tensor.name = read_string("a tensor name");
    if (tensor.name.empty() || tensor.name.size() > kMostGgufNameBytes) {
      bad("tensor name '{}' has {} bytes, expected 1 to {}", quotable(tensor.name), tensor.name.size(),
          kMostGgufNameBytes);
    }
    const uint32_t rank = read<uint32_t>("a number of extents");
    if (rank > 4) bad("tensor '{}' has {} extents, expected at most 4", quotable(tensor.name), rank);
    tensor.rank = std::max(1, static_cast<int>(rank));
    int64_t elements = 1;
    for (int axis = tensor.rank - 1; axis >= tensor.rank - static_cast<int>(rank); --axis) {
      tensor.shape[axis] = read<int64_t>("an extent");
      if (tensor.shape[axis] <= 0)
        bad("tensor '{}' has an extent of {}, expected a positive number", quotable(tensor.name), tensor.shape[axis]);
      if (__builtin_mul_overflow(elements, tensor.shape[axis], &elements))
        bad("tensor '{}' has more elements than 2^63", quotable(tensor.name));
    }
    tensor.type = read<uint32_t>("a tensor type");
    const GgmlType type = ggml_type(tensor.type);
    if (type.name.empty()) bad("tensor '{}' has the unknown type {}", quotable(tensor.name), tensor.type);
    offsets_.push_back(read<uint64_t>("a tensor offset"));
    sizes_.push_back(type.dtype ? size_of(tensor, *type.dtype, elements) : 0);
    return tensor;
  }

  uint64_t size_of(const GgufTensor& tensor, DType dtype, int64_t elements) const {
    const int64_t columns = tensor.shape[tensor.rank - 1];
    if (columns % block_elements(dtype) != 0) {
      bad("tensor '{}' of type {} has rows of {}, expected a multiple of {}", quotable(tensor.name),
          ggml_type(tensor.type).name, columns, block_elements(dtype));
    }
    int64_t size;
    if (__builtin_mul_overflow(elements / block_elements(dtype), block_bytes(dtype), &size)) {
      bad("tensor '{}' {} has more bytes than 2^63", quotable(tensor.name), tensor.shape_text());
    }
    return static_cast<uint64_t>(size);
  }

  void place_tensors(std::vector<GgufTensor>* tensors, uint64_t alignment) {
    if (tensors->empty()) return;
    const uint64_t begin = (at_ + alignment - 1) / alignment * alignment;
    const uint64_t available = begin <= bytes_.size() ? bytes_.size() - begin : 0;
    for (size_t i = 0; i < tensors->size(); ++i) {
      GgufTensor& tensor = (*tensors)[i];
      if (offsets_[i] % alignment != 0) {
        bad("tensor '{}' begins at offset {}, expected a multiple of {}", quotable(tensor.name), offsets_[i],
            alignment);
      }
      if (offsets_[i] > available || sizes_[i] > available - offsets_[i]) {
        bad("is cut off: tensor '{}' {} of type {} needs {} bytes at offset {} of the data, and there are {}",
            quotable(tensor.name), tensor.shape_text(), ggml_type(tensor.type).name, sizes_[i], offsets_[i], available);
      }
      tensor.bytes = bytes_.subspan(begin + offsets_[i], sizes_[i]);
    }
    check_distinct(*tensors);
  }

  void check_distinct(const std::vector<GgufTensor>& tensors) const {
    std::vector<const GgufTensor*> sorted;
    for (const GgufTensor& tensor : tensors) sorted.push_back(&tensor);
    std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return a->name < b->name; });
    for (size_t i = 1; i < sorted.size(); ++i) {
      if (sorted[i]->name == sorted[i - 1]->name) bad("has the tensor '{}' twice", quotable(sorted[i]->name));
    }
    std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) {
      return a->bytes.data() != b->bytes.data() ? a->bytes.data() < b->bytes.data() : a->bytes.size() < b->bytes.size();
    });
    for (size_t i = 1; i < sorted.size(); ++i) {
      const auto& before = sorted[i - 1]->bytes;
      if (before.data() + before.size() > sorted[i]->bytes.data()) {
        bad("tensors '{}' and '{}' overlap", quotable(sorted[i - 1]->name), quotable(sorted[i]->name));
      }
    }
  }

  std::span<const std::byte> bytes_;
  const std::string& file_;
  size_t at_ = 0;
  uint64_t tensor_count_ = 0, pair_count_ = 0;
  std::vector<uint64_t> offsets_, sizes_;
};

GgufHeader::GgufHeader(std::span<const std::byte> bytes, const std::string& file) {
  GgufParser(bytes, file).parse(this);
}

Tensor GgufTensor::values() const {
  const GgmlType known = ggml_type(type);
  if (!known.dtype)
    fail(Exit::kBadModel, "{}: tensor '{}' is of type {}, which r1 cannot decode", *file, name, known.name);
  return Tensor(bytes.data(), *known.dtype, shape, rank);
}

namespace {

// "…-00002-of-00003.gguf" -> the path of part `number` (1-based); empty if the name is not of that form.
std::filesystem::path part_path(const std::filesystem::path& path, int64_t number) {
  std::string name = path.filename().string();
  constexpr std::string_view kForm = "-00000-of-00000.gguf";
  if (name.size() < kForm.size()) return {};
  const size_t begin = name.size() - kForm.size();
  for (size_t i = 0; i < kForm.size(); ++i) {
    const char c = name[begin + i];
    if (kForm[i] == '0' ? c < '0' || c > '9' : c != kForm[i]) return {};
  }
  return path.parent_path() / (name.substr(0, begin) + fmt::format("-{:05}", number) + name.substr(begin + 6));
}

}  // namespace

Gguf::Gguf(const std::filesystem::path& path) {
  open_part(path);
  const int64_t parts = metadata().integer("split.count").value_or(1);
  if (parts > 1) open_others(path, parts);
  for (const auto& part : parts_) {
    for (const GgufTensor& tensor : part->header->tensors) {
      if (!by_name_.emplace(tensor.name, &tensor).second) {
        fail(Exit::kBadModel, "{}: tensor '{}' is in two parts", part->name, tensor.name);
      }
      tensors_.push_back(&tensor);
    }
  }
  const auto total = metadata().integer("split.tensors.count");
  if (parts > 1 && total && *total != static_cast<int64_t>(tensors_.size())) {
    fail(Exit::kBadModel, "{}: metadata 'split.tensors.count' is {}, and the {} parts have {} tensors", file(), *total,
         parts, tensors_.size());
  }
}

void Gguf::open_part(const std::filesystem::path& path) {
  parts_.push_back(std::make_unique<Part>(path));
  Part& part = *parts_.back();
  part.header.emplace(part.mapping.bytes(), part.name);
}

// The part at hand is already open; the first one comes to the front, since it has the metadata.
void Gguf::open_others(const std::filesystem::path& path, int64_t parts) {
  const int64_t own = metadata().integer("split.no").value_or(0);
  if (own < 0 || own >= parts || parts > 99999) {
    fail(Exit::kBadModel, "{}: claims to be part {} of {} ('split.no', 'split.count')", file(), own + 1, parts);
  }
  if (part_path(path, own + 1) != path) {
    fail(Exit::kBadModel, "{}: is part {} of {}, and its name should end in -{:05}-of-{:05}.gguf", file(), own + 1,
         parts, own + 1, parts);
  }
  std::unique_ptr<Part> own_part = std::move(parts_.front());
  parts_.clear();
  for (int64_t number = 0; number < parts; ++number) {
    if (number == own) {
      parts_.push_back(std::move(own_part));
      continue;
    }
    const std::filesystem::path other = part_path(path, number + 1);
    if (kind_of(other) == FileKind::Nothing) {
      fail(Exit::kNotFound, "{}: part {} of {} is missing: {}", path.string(), number + 1, parts, other.string());
    }
    open_part(other);
    const GgufMetadata& found = parts_.back()->header->metadata;
    if (found.integer("split.count") != parts || found.integer("split.no") != number) {
      fail(Exit::kBadModel, "{}: is not part {} of {} ('split.no', 'split.count')", other.string(), number + 1, parts);
    }
  }
}

const GgufTensor* Gguf::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

uint64_t Gguf::bytes() const {
  uint64_t bytes = 0;
  for (const auto& part : parts_) bytes += part->mapping.size();
  return bytes;
}

void Gguf::forget(std::span<const std::byte> bytes) const {
  for (const auto& part : parts_) {
    const auto mapped = part->mapping.bytes();
    if (bytes.data() >= mapped.data() && bytes.data() < mapped.data() + mapped.size()) part->mapping.forget(bytes);
  }
}

}  // namespace r1
