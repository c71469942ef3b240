#include "cuda/index.cuh"
#include "cuda/kernels.h"

namespace convtape::CONVTAPE_GPU {
namespace {

// A warp's sum, in the order of a tree; lane 0 has it.
__device__ __forceinline__ double warpSum(double sum) {
  CONVTAPE_UNROLL
  for (int lane = 16; lane > 0; lane /= 2) sum += __shfl_down_sync(0xffffffffu, sum, lane);
  return sum;
}

// A block a channel: each thread adds every kThreads-th element, in double as the CPU does, then the threads' sums as a tree.
__global__ void __launch_bounds__(kThreads)
    planes(const float* __restrict__ dy /* (outer, channels, inner) */, float* __restrict__ dbias /* (channels) */, int64_t outer,
           int64_t channels, int64_t inner) {
  CONVTAPE_SHARED(double, sums);  // (kThreads / 32)
  for (int64_t c = blockIdx.x; c < channels; c += gridDim.x) {
    double sum = 0;
    for (int64_t o = 0; o < outer; ++o) {
      const float* from = dy + (o * channels + c) * inner;  // (inner)
      for (int64_t i = threadIdx.x; i < inner; i += kThreads) sum += static_cast<double>(from[i]);
    }
    sum = warpSum(sum);
    if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x < 32) {
      sum = warpSum(threadIdx.x < kThreads / 32 ? sums[threadIdx.x] : 0.0);
      if (threadIdx.x == 0) dbias[c] = static_cast<float>(sum);
    }
    __syncthreads();
  }
}

constexpr int kColumns = 32;

// Columns of a matrix (inner is 1): 32 channels a block, a warp a row, so that neighbouring threads read neighbours.
__global__ void __launch_bounds__(kThreads) columns(const float* __restrict__ dy /* (outer, channels) */,
                                                    float* __restrict__ dbias /* (channels) */, int64_t outer, int64_t channels) {
  CONVTAPE_SHARED(double, sums);  // (kRows, kColumns)
  constexpr int kRows = kThreads / kColumns;
  const unsigned column = threadIdx.x % kColumns, row = threadIdx.x / kColumns;
  for (int64_t first = static_cast<int64_t>(blockIdx.x) * kColumns; first < channels; first += static_cast<int64_t>(gridDim.x) * kColumns) {
    const int64_t c = first + column;
    double sum = 0;
    if (c < channels)
      for (int64_t o = row; o < outer; o += kRows) sum += static_cast<double>(dy[o * channels + c]);
    sums[row * kColumns + column] = sum;
    __syncthreads();
    if (row == 0 && c < channels) {
      for (int r = 1; r < kRows; ++r) sum += sums[r * kColumns + column];
      dbias[c] = static_cast<float>(sum);
    }
    __syncthreads();
  }
}

}  // namespace

void run(const BiasGrad::Params& p, const Operands& o, Context& context) {
  const float* dy = o.in[0].f32();  // (outer, channels, inner)
  float* dbias = o.out[0].f32();    // (channels)
  if (p.relu) {
    // On its own: an element a thread keeps all of the device busy, where a block a channel would not.
    Operands mask;
    mask.in[0] = o.in[0];
    mask.in[1] = o.in[1];
    mask.out[0] = o.out[1];
    mask.inputs = 2;
    mask.outputs = 1;
    run(UnaryGrad::Params{{UnaryFunction::Relu, p.outer * p.channels * p.inner}}, mask, context);
    dy = o.out[1].f32();
  }
  if (p.inner > 1)
    context.launch("biasGrad", planes, blocksFor(p.channels, 1), dim3(kThreads), kThreads / 32 * sizeof(double), dy, dbias, p.outer,
                   p.channels, p.inner);
  else
    context.launch("biasGrad", columns, blocksFor(p.channels, kColumns), dim3(kThreads), kThreads * sizeof(double), dy, dbias,
                   p.inner ? p.outer : 0, p.channels);
}

}  // namespace convtape::CONVTAPE_GPU
