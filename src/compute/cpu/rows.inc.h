namespace r1 {
namespace {
constexpr RowKernels kRowKernels = {};
}  // namespace
}  // namespace r1
