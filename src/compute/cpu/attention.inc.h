namespace r1 {
namespace {
constexpr AttentionKernels kAttentionKernels = {};
}  // namespace
}  // namespace r1
