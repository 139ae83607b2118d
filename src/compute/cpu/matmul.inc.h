namespace r1 {
namespace {
constexpr MatmulKernels kMatmulKernels = {};
}  // namespace
}  // namespace r1
