#include "cuda/bf16.cuh"
#include "cuda/kernels.h"

namespace convtape::CONVTAPE_GPU {
namespace {

constexpr int kThreads = 256;

template <class T>
__global__ void fill(T* __restrict__ y /* (count) */, int64_t count, T value) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) y[i] = value;
}

template <class T>
void fillWith(const char* name, T* y /* (count) */, int64_t count, T value, Context& context) {
  context.launch(name, fill<T>, blocksFor(count, kThreads), kThreads, 0, y, count, value);
}

// Nearest representable integer towards zero; 0 for NaN.
int64_t whole(double value, double low, double high) {
  return static_cast<int64_t>(value >= high ? high : value <= low ? low : value == value ? value : 0);
}

}  // namespace

void run(const Fill::Params& p, const Operands& o, Context& context) {
  const Operand& y = o.out[0];
  if (y.dtype == DType::F32) return fillWith("fill f32", y.f32(), p.count, static_cast<float>(p.value), context);
  if (y.dtype == DType::BF16) return fillWith("fill bf16", y.bf16(), p.count, toBf16(static_cast<float>(p.value)), context);
  if (y.dtype == DType::I32)
    return fillWith("fill i32", y.i32(), p.count, static_cast<int32_t>(whole(p.value, -2147483648.0, 2147483647.0)), context);
  fillWith("fill u8", y.u8(), p.count, static_cast<uint8_t>(whole(p.value, 0, 255)), context);
}

}  // namespace convtape::CONVTAPE_GPU
