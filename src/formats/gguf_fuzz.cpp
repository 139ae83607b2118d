// libFuzzer: any bytes through the whole path of a GGUF file: header, metadata as text, hub names, config, every tensor
// decoded.
#include <sys/mman.h>
#include <unistd.h>

#include <vector>

#include "base/log.h"
#include "formats/gguf.h"
#include "formats/weight_source.h"
#include "tensor/quant.h"

namespace {

void decode_all(const r1::Tensor& tensor) {
  std::vector<float> block(static_cast<size_t>(r1::block_elements(tensor.dtype())));
  const int64_t blocks = tensor.elements() / r1::block_elements(tensor.dtype());
  for (int64_t i = 0; i < blocks; ++i) {
    r1::decode(tensor.dtype(), tensor.data() + i * r1::block_bytes(tensor.dtype()), block.data(),
               r1::block_elements(tensor.dtype()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool quiet = [] {
    r1::set_log_level(-1);
    return true;
  }();
  (void)quiet;
  try {  // over exactly these bytes, so that the address sanitizer sees a read beyond them
    const std::string file = "fuzz.gguf";
    const r1::GgufHeader header({reinterpret_cast<const std::byte*>(data), size}, file);
    for (const auto key : header.metadata.keys()) header.metadata.text(key);
    for (const auto& tensor : header.tensors) {
      if (r1::ggml_type(tensor.type).dtype) decode_all(tensor.values());
    }
  } catch (const r1::Error&) {
    return 0;
  }
  const int descriptor = ::memfd_create("fuzz", 0);
  if (::write(descriptor, data, size) == static_cast<ssize_t>(size)) {
    try {
      const auto source = r1::open_source("/proc/self/fd/" + std::to_string(descriptor));
      for (const auto& name : source->names()) source->find(name);
      (void)source->config().dump(-1, ' ', false, r1::Json::error_handler_t::replace);
    } catch (const r1::Error&) {
    }
  }
  ::close(descriptor);
  return 0;
}
