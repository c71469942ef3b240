#include "cuda/kernels.h"

namespace convtape::CONVTAPE_GPU {
namespace {

constexpr int kThreads = 256;

// Decay, momentum and step in one pass; the roundings are the CPU's, so both give the same bits.
__global__ void sgd(const float* __restrict__ g /* (count) */, float* __restrict__ w /* (count) */, float* __restrict__ v /* (count) */,
                    int64_t count, float lr, float decay, float momentum) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
    const float weight = w[i];
    const float change = fmaf(momentum, v[i], fmaf(decay, weight, lr * g[i]));
    v[i] = change;
    w[i] = weight + change;
  }
}

}  // namespace

void run(const Sgd::Params& p, const Operands& o, Context& context) {
  context.launch("sgd", sgd, blocksFor(p.count, kThreads), kThreads, 0, o.in[0].f32(), o.out[0].f32(), o.out[1].f32(), p.count,
                 static_cast<float>(-p.lr), static_cast<float>(-p.weightDecay * p.lr), static_cast<float>(p.momentum));
}

}  // namespace convtape::CONVTAPE_GPU
