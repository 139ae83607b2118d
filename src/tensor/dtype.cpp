#include "tensor/dtype.h"

#include <strings.h>

#include <array>
#include <string>

namespace r1 {
namespace {

struct Traits {
  const char* name;
  int elements, bytes;
};

constexpr std::array<Traits, kDTypes> kTraits = {{
    {"f32", 1, 4},
    {"f16", 1, 2},
    {"bf16", 1, 2},
    {"f8_e4m3", 1, 1},
    {"q8_0", 32, 34},
    {"q4_0", 32, 18},
    {"q4_1", 32, 20},
    {"q5_0", 32, 22},
    {"q5_1", 32, 24},
    {"q2_k", 256, 84},
    {"q3_k", 256, 110},
    {"q4_k", 256, 144},
    {"q5_k", 256, 176},
    {"q6_k", 256, 210},
    {"iq4_nl", 32, 18},
    {"iq4_xs", 256, 136},
    {"mxfp4", 32, 17},
    {"i32", 1, 4},
}};

const Traits& traits(DType dtype) { return kTraits[static_cast<size_t>(dtype)]; }

}  // namespace

std::string_view name(DType dtype) { return traits(dtype).name; }
int block_elements(DType dtype) { return traits(dtype).elements; }
int block_bytes(DType dtype) { return traits(dtype).bytes; }
bool is_quantised(DType dtype) { return traits(dtype).elements > 1 || dtype == DType::F8_E4M3; }

std::optional<DType> dtype_named(std::string_view wanted) {
  for (int i = 0; i < kDTypes; ++i) {
    if (strcasecmp(kTraits[i].name, std::string(wanted).c_str()) == 0) return static_cast<DType>(i);
  }
  return std::nullopt;
}

}  // namespace r1
