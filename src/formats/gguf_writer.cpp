#include "formats/gguf_writer.h"

#include <type_traits>

#include "base/json.h"
#include "formats/gguf.h"

namespace r1 {
namespace {

constexpr uint64_t kAlignment = 32;

uint64_t padded(uint64_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

template <typename T>
void put(std::string* out, T value) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put(std::string* out, const std::string& text) {
  put<uint64_t>(out, text.size());
  out->append(text);
}

template <typename T>
constexpr GgufType type_of() {
  if constexpr (std::is_same_v<T, uint16_t>) return GgufType::U16;
  if constexpr (std::is_same_v<T, uint32_t>) return GgufType::U32;
  if constexpr (std::is_same_v<T, int32_t>) return GgufType::I32;
  if constexpr (std::is_same_v<T, float>) return GgufType::F32;
  if constexpr (std::is_same_v<T, bool>) return GgufType::Bool;
  if constexpr (std::is_same_v<T, std::string>) return GgufType::String;
}

struct PutValue {
  std::string* out;

  template <typename T>
  void operator()(const T& value) const {
    put(out, static_cast<uint32_t>(type_of<T>()));
    put(out, value);
  }
  template <typename T>
  void operator()(const std::vector<T>& values) const {
    put(out, static_cast<uint32_t>(GgufType::Array));
    put(out, static_cast<uint32_t>(type_of<T>()));
    put<uint64_t>(out, values.size());
    for (const T& value : values) put(out, value);
  }
};

std::string header_of(const GgufPairs& pairs, const std::vector<GgufTensorPlan>& tensors, const std::string& file) {
  std::string out = "GGUF";
  put<uint32_t>(&out, 3);
  put<uint64_t>(&out, tensors.size());
  put<uint64_t>(&out, pairs.size());
  for (const auto& [key, value] : pairs) {
    put(&out, key);
    std::visit(PutValue{&out}, value);
  }
  uint64_t offset = 0;
  for (const GgufTensorPlan& tensor : tensors) {
    R1_CHECK(!tensor.shape.empty() && tensor.shape.size() <= 4, "tensor {}", tensor.name);
    if (tensor.name.size() > kMostGgufNameBytes) {
      fail(Exit::kBadModel, "{}: tensor name '{}' has {} bytes, more than the {} that GGUF allows", file,
           quotable(tensor.name), tensor.name.size(), kMostGgufNameBytes);
    }
    put(&out, tensor.name);
    put<uint32_t>(&out, static_cast<uint32_t>(tensor.shape.size()));
    for (auto extent = tensor.shape.rbegin(); extent != tensor.shape.rend(); ++extent)
      put<uint64_t>(&out, static_cast<uint64_t>(*extent));
    put<uint32_t>(&out, ggml_type_number(tensor.dtype));
    put<uint64_t>(&out, offset);
    offset += padded(tensor.bytes());
  }
  return out;
}

}  // namespace

uint64_t GgufTensorPlan::bytes() const {
  int64_t rows = 1;
  for (size_t axis = 0; axis + 1 < shape.size(); ++axis) rows *= shape[axis];
  return static_cast<uint64_t>(rows * row_bytes(dtype, shape.back()));
}

GgufWriter::GgufWriter(const std::filesystem::path& path, const GgufPairs& pairs, std::vector<GgufTensorPlan> tensors)
    : file_(path), tensors_(std::move(tensors)) {
  file_.write(header_of(pairs, tensors_, path.string()));
  pad();
}

void GgufWriter::pad() {
  const std::string zeros(padded(file_.size()) - file_.size(), '\0');
  file_.write(zeros);
}

void GgufWriter::write(std::span<const std::byte> bytes) {
  R1_CHECK(current_ < tensors_.size(), "{} bytes after the last tensor", bytes.size());
  const uint64_t size = tensors_[current_].bytes();
  written_ += bytes.size();
  R1_CHECK(written_ <= size, "{} of {} bytes of {}", written_, size, tensors_[current_].name);
  file_.write(bytes);
  if (written_ < size) return;
  pad();
  ++current_;
  written_ = 0;
}

void GgufWriter::commit() {
  R1_CHECK(current_ == tensors_.size(), "{} of {} tensors", current_, tensors_.size());
  file_.commit();
}

}  // namespace r1
