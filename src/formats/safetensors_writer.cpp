#include "formats/safetensors_writer.h"

#include <algorithm>

#include "base/json.h"

namespace r1 {
namespace {

const char* dtype_text(DType dtype) {
  switch (dtype) {
    case DType::F32:
      return "F32";
    case DType::F16:
      return "F16";
    case DType::BF16:
      return "BF16";
    case DType::F8_E4M3:
      return "F8_E4M3";
    case DType::I32:
      return "I32";
    default:
      R1_CHECK(false, "{} is no safetensors type", name(dtype));
      return "";
  }
}

}  // namespace

uint64_t SafetensorsPlan::bytes() const {
  int64_t elements = 1;
  for (const int64_t extent : shape) elements *= extent;
  return static_cast<uint64_t>(elements * block_bytes(dtype));
}

void sort_for_file(std::vector<SafetensorsPlan>* tensors) {
  std::sort(tensors->begin(), tensors->end(), [](const SafetensorsPlan& a, const SafetensorsPlan& b) {
    const int width_a = block_bytes(a.dtype), width_b = block_bytes(b.dtype);
    return width_a != width_b ? width_a > width_b : a.name < b.name;
  });
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path, const std::vector<SafetensorsPlan>& tensors,
                                     const std::map<std::string, std::string>& metadata)
    : file_(path) {
  OrderedJson::object_t header;  // as a list: the object itself would look for each name among all others
  if (!metadata.empty()) header.emplace_back("__metadata__", metadata);
  uint64_t offset = 0;
  for (const SafetensorsPlan& tensor : tensors) {
    const OrderedJson offsets = {offset, offset + tensor.bytes()};
    header.emplace_back(
        tensor.name,
        OrderedJson{{"dtype", dtype_text(tensor.dtype)}, {"shape", tensor.shape}, {"data_offsets", offsets}});
    offset += tensor.bytes();
  }
  std::string text = OrderedJson(std::move(header)).dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size();
  file_.write(std::as_bytes(std::span(&length, 1)));
  file_.write(text);
  expected_ = file_.size() + offset;
}

void SafetensorsWriter::write(std::span<const std::byte> bytes) { file_.write(bytes); }

void SafetensorsWriter::commit() {
  R1_CHECK(file_.size() == expected_, "{} of {} bytes", file_.size(), expected_);
  file_.commit();
}

}  // namespace r1
