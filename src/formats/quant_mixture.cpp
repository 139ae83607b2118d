#include "formats/quant_mixture.h"

#include "base/error.h"

namespace r1 {
namespace {

struct Target {
  DType dtype;
  uint32_t file_type;
};

constexpr Target kTargets[] = {
    {DType::F32, 0},  {DType::F16, 1},   {DType::BF16, 32}, {DType::Q8_0, 7},
    {DType::Q4_0, 2}, {DType::Q6_K, 18}, {DType::Q4_K, 15},
};

// The first and last eighths of the layers, and every third between.
bool deserves_more_bits(int64_t layer, int64_t layers) {
  const int64_t eighth = layers / 8;
  return layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
}

DType that_fits(DType dtype, int64_t columns) {
  if (dtype == DType::Q4_K && columns % 256 != 0) dtype = DType::Q5_0;
  if (dtype == DType::Q6_K && columns % 256 != 0) dtype = DType::Q8_0;
  return columns % block_elements(dtype) == 0 ? dtype : DType::F16;
}

}  // namespace

DType type_in_mixture(DType wanted, const TensorRole& role) {
  const bool router = role.name.find("ffn_gate_inp") != std::string_view::npos;
  if (role.rank < 2 || router || role.name.find("norm") != std::string_view::npos) return DType::F32;
  if (block_elements(wanted) == 1) return wanted;
  if (role.head && (wanted == DType::Q4_0 || wanted == DType::Q4_K)) return that_fits(DType::Q6_K, role.columns);
  if (wanted == DType::Q4_K && role.layer >= 0) {
    const bool sensitive =
        role.name.find("attn_v.") != std::string_view::npos || role.name.find("ffn_down") != std::string_view::npos;
    if (sensitive && deserves_more_bits(role.layer, role.layers)) return that_fits(DType::Q6_K, role.columns);
  }
  return that_fits(wanted, role.columns);
}

uint32_t gguf_file_type(DType wanted) {
  for (const Target& target : kTargets) {
    if (target.dtype == wanted) return target.file_type;
  }
  R1_CHECK(false, "{}", name(wanted));
  return 0;
}

bool is_gguf_target(DType dtype) {
  for (const Target& target : kTargets) {
    if (target.dtype == dtype) return true;
  }
  return false;
}

}  // namespace r1
