// The k largest of every row, and the gradient. For a few: k times the first key after the last one found, each time through the row,
// which the caches hold (4 bytes moved an element). For many: the row's keys are sorted by a bitonic network, in shared memory where
// they fit, else in scratch memory. Keys (order.cuh) are distinct, so both give one answer.
#include <stdio.h>

#include "cuda/order.cuh"
#include "cuda/reduce.cuh"
#include "cuda/report.cuh"

namespace convtape::CONVTAPE_GPU {
namespace {

constexpr int64_t kFew = 16;
constexpr int64_t kSharedKeys = 4096;

struct LeastKey {
  __device__ uint64_t operator()(uint64_t a, uint64_t b) const { return a < b ? a : b; }
};

__global__ void __launch_bounds__(kThreads) topKFew(const float* __restrict__ x,    // (rows, n)
                                                    float* __restrict__ values,     // (rows, k)
                                                    int32_t* __restrict__ indices,  // (rows, k)
                                                    int64_t rows, int64_t n, int k) {
  CONVTAPE_SHARED(uint64_t, memory);  // (kThreads / 32)
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const float* from = x + row * n;  // (n)
    uint64_t next = 0;                // the least key that is not taken
    for (int j = 0; j < k; ++j) {
      uint64_t best = ~uint64_t{0};
      for (int64_t i = threadIdx.x; i < n; i += kThreads) {
        const uint64_t key = descendingKey(from[i], static_cast<uint32_t>(i));
        best = key >= next && key < best ? key : best;
      }
      best = blockJoin(best, LeastKey{}, memory, kThreads);
      if (threadIdx.x == 0) {
        values[row * k + j] = from[placeOf(best)];
        indices[row * k + j] = static_cast<int32_t>(placeOf(best));
      }
      next = best + 1;
    }
  }
}

// `padded`: n rounded up to a power of two. Where kShared, keys live in shared memory, else in this block's part of `scratch`.
template <bool kShared>
__global__ void __launch_bounds__(kThreads) topKSort(const float* __restrict__ x,    // (rows, n)
                                                     float* __restrict__ values,     // (rows, k)
                                                     int32_t* __restrict__ indices,  // (rows, k)
                                                     uint64_t* scratch,              // (gridDim.x, padded) or null
                                                     int64_t rows, int64_t n, int64_t k, int64_t padded) {
  CONVTAPE_SHARED(uint64_t, memory);                                  // (padded) or nothing
  uint64_t* keys = kShared ? memory : scratch + blockIdx.x * padded;  // (padded)
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const float* from = x + row * n;  // (n)
    for (int64_t i = threadIdx.x; i < padded; i += kThreads)
      keys[i] = i < n ? descendingKey(from[i], static_cast<uint32_t>(i)) : ~uint64_t{0};
    __syncthreads();
    for (int level = 1; (int64_t{1} << level) <= padded; ++level)
      for (int shift = level - 1; shift >= 0; --shift) {
        const int64_t run = int64_t{1} << level, step = int64_t{1} << shift;
        for (int64_t u = threadIdx.x; u < padded / 2; u += kThreads) {
          const int64_t i = (u >> shift << (shift + 1)) + (u & (step - 1)), j = i + step;
          const uint64_t a = keys[i], b = keys[j];
          if (((i & run) == 0) == (a > b)) {
            keys[i] = b;
            keys[j] = a;
          }
        }
        __syncthreads();
      }
    for (int64_t i = threadIdx.x; i < k; i += kThreads) {
      values[row * k + i] = from[placeOf(keys[i])];
      indices[row * k + i] = static_cast<int32_t>(placeOf(keys[i]));
    }
    __syncthreads();
  }
}

// dx as integers first: 1 + the last of a row's k places whose index is the element, 0 where none is.
__global__ void __launch_bounds__(kThreads) topKGradClear(int32_t* owner,  // (rows, n)
                                                          int64_t count) {
  for (int64_t i = globalThread(); i < count; i += gridThreads()) owner[i] = 0;
}
template <class Index>
__global__ void __launch_bounds__(kThreads) topKGradMark(const int32_t* __restrict__ indices,  // (rows, k)
                                                         int32_t* owner,                       // (rows, n)
                                                         int64_t count, int64_t n, Divisor<Index> k, Report* wrong) {
  for (int64_t u = globalThread(); u < count; u += gridThreads()) {
    Index place;
    const int64_t row = k.divide(static_cast<Index>(u), &place);
    const int32_t i = indices[u];
    if (i >= 0 && i < n)
      atomicMax(owner + row * n + i, static_cast<int32_t>(place) + 1);
    else
      report(wrong, u, i);
  }
}
template <class Index>
__global__ void __launch_bounds__(kThreads) topKGradWrite(const float* __restrict__ dy,  // (rows, k)
                                                          float* dx,                     // (rows, n), owners before
                                                          int64_t count, Divisor<Index> n, int64_t k) {
  for (int64_t i = globalThread(); i < count; i += gridThreads()) {
    const int32_t owner = __float_as_int(dx[i]);
    dx[i] = owner ? dy[static_cast<int64_t>(n.divide(static_cast<Index>(i))) * k + owner - 1] : 0.0f;
  }
}

void describe(const void*, long long, int, char* text, size_t size) {
  snprintf(text, size, "an index is outside its row; indices must not be overwritten before the gradient");
}

}  // namespace

void run(const TopK::Params& p, const Operands& o, Context& context) {
  if (p.rows == 0) return;
  const float* x = o.in[0].f32();     // (rows, n)
  float* values = o.out[0].f32();     // (rows, k)
  int32_t* indices = o.out[1].i32();  // (rows, k)
  const int64_t most = int64_t{1} << 20;
  const unsigned blocks = static_cast<unsigned>(p.rows < most ? p.rows : most);
  if (p.k <= kFew) {
    context.launch("topK", topKFew, dim3(blocks), kThreads, kThreads / 32 * sizeof(uint64_t), x, values, indices, p.rows, p.n,
                   static_cast<int>(p.k));
    return;
  }
  int64_t padded = 2;
  while (padded < p.n) padded *= 2;
  if (padded <= kSharedKeys) {
    context.launch("topK sort", topKSort<true>, dim3(blocks), kThreads, static_cast<size_t>(padded) * sizeof(uint64_t), x, values, indices,
                   static_cast<uint64_t*>(nullptr), p.rows, p.n, p.k, padded);
    return;
  }
  // Blocks enough to fill the device, or memory for 2^24 keys.
  const int64_t room = (int64_t{1} << 24) / padded, wanted = 2 * context.multiprocessors;
  int64_t few = p.rows < wanted ? p.rows : wanted;
  few = few < room ? few : room < 1 ? 1 : room;
  uint64_t* keys = context.scratch<uint64_t>(static_cast<size_t>(few * padded));  // (few, padded)
  context.launch("topK sort, long rows", topKSort<false>, dim3(static_cast<unsigned>(few)), kThreads, 0, x, values, indices, keys, p.rows,
                 p.n, p.k, padded);
}

void run(const TopKGrad::Params& p, const Operands& o, Context& context) {
  const int64_t count = p.rows * p.n;
  if (count == 0) return;
  float* dx = o.out[0].f32();                       // (rows, n)
  int32_t* owner = reinterpret_cast<int32_t*>(dx);  // as dx
  context.launch("topKGrad clear", topKGradClear, gridFor(count, context.multiprocessors), kThreads, 0, owner, count);
  Report* wrong = context.report(p, describe);
  withIndex(count, [&](auto index) {
    using Index = decltype(index);
    context.launch("topKGrad mark", topKGradMark<Index>, gridFor(p.rows * p.k, context.multiprocessors), kThreads, 0, o.in[1].i32(), owner,
                   p.rows * p.k, p.n, Divisor<Index>(p.k), wrong);
    context.launch("topKGrad", topKGradWrite<Index>, gridFor(count, context.multiprocessors), kThreads, 0, o.in[0].f32(), dx, count,
                   Divisor<Index>(p.n), p.k);
  });
}

}  // namespace convtape::CONVTAPE_GPU
