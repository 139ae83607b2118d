// The number tables of GGUF: value types of metadata and ggml's tensor types (formats.md 2.1, 3.4).
#include <array>

#include "base/error.h"
#include "formats/gguf.h"

namespace r1 {
namespace {

struct NumberedType {
  uint32_t number;
  GgmlType type;
};

constexpr NumberedType kGgmlTypes[] = {
    {0, {"F32", DType::F32}},        {1, {"F16", DType::F16}},        {2, {"Q4_0", DType::Q4_0}},
    {3, {"Q4_1", DType::Q4_1}},      {6, {"Q5_0", DType::Q5_0}},      {7, {"Q5_1", DType::Q5_1}},
    {8, {"Q8_0", DType::Q8_0}},      {9, {"Q8_1", std::nullopt}},     {10, {"Q2_K", DType::Q2_K}},
    {11, {"Q3_K", DType::Q3_K}},     {12, {"Q4_K", DType::Q4_K}},     {13, {"Q5_K", DType::Q5_K}},
    {14, {"Q6_K", DType::Q6_K}},     {15, {"Q8_K", std::nullopt}},    {16, {"IQ2_XXS", std::nullopt}},
    {17, {"IQ2_XS", std::nullopt}},  {18, {"IQ3_XXS", std::nullopt}}, {19, {"IQ1_S", std::nullopt}},
    {20, {"IQ4_NL", DType::IQ4_NL}}, {21, {"IQ3_S", std::nullopt}},   {22, {"IQ2_S", std::nullopt}},
    {23, {"IQ4_XS", DType::IQ4_XS}}, {24, {"I8", std::nullopt}},      {25, {"I16", std::nullopt}},
    {26, {"I32", DType::I32}},       {27, {"I64", std::nullopt}},     {28, {"F64", std::nullopt}},
    {29, {"IQ1_M", std::nullopt}},   {30, {"BF16", DType::BF16}},     {34, {"TQ1_0", std::nullopt}},
    {35, {"TQ2_0", std::nullopt}},   {39, {"MXFP4", DType::MXFP4}},   {40, {"NVFP4", std::nullopt}},
    {41, {"Q1_0", std::nullopt}},    {42, {"Q2_0", std::nullopt}},
};

constexpr std::array<std::string_view, 13> kTypeNames = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                                         "bool", "string", "array", "u64", "i64", "f64"};

}  // namespace

std::string_view name(GgufType type) { return kTypeNames[static_cast<size_t>(type)]; }

GgmlType ggml_type(uint32_t number) {
  for (const NumberedType& entry : kGgmlTypes) {
    if (entry.number == number) return entry.type;
  }
  return {};
}

uint32_t ggml_type_number(DType dtype) {
  for (const NumberedType& entry : kGgmlTypes) {
    if (entry.type.dtype == dtype) return entry.number;
  }
  R1_CHECK(false, "{} is no ggml type", name(dtype));
  return 0;
}

}  // namespace r1
