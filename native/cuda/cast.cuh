// Conversion between element types: the two elements' bytes moved, four elements a thread.
#pragma once

#include "cuda/bf16.cuh"
#include "cuda/index.cuh"
#include "cuda/kernels.h"

namespace convtape::CONVTAPE_GPU {

// Towards zero, beyond the range to its nearest end, NaN to 0: what C++ leaves open is decided before it is converted.
__device__ __forceinline__ void convert(float x, int32_t* y /* (1) */) {
  // 2^31 − 128 is the largest float below 2^31.
  const float clipped = x < -2147483648.0f ? -2147483648.0f : x > 2147483520.0f ? 2147483520.0f : x;
  const int32_t whole = static_cast<int32_t>(x == x ? clipped : 0.0f);
  *y = x >= 2147483648.0f ? 2147483647 : whole;
}
__device__ __forceinline__ void convert(float x, uint8_t* y /* (1) */) {
  const float low = x > 0.0f ? x : 0.0f;  // NaN is not above 0
  *y = static_cast<uint8_t>(low > 255.0f ? 255.0f : low);
}
__device__ __forceinline__ void convert(int32_t x, uint8_t* y /* (1) */) { *y = static_cast<uint8_t>(x < 0 ? 0 : x > 255 ? 255 : x); }
__device__ __forceinline__ void convert(int32_t x, float* y /* (1) */) { *y = static_cast<float>(x); }
__device__ __forceinline__ void convert(uint8_t x, float* y /* (1) */) { *y = static_cast<float>(x); }
__device__ __forceinline__ void convert(uint8_t x, int32_t* y /* (1) */) { *y = x; }
template <class T>
__device__ __forceinline__ void convert(T x, T* y /* (1) */) {
  *y = x;
}
// To and from bf16 by way of f32.
template <class From>
__device__ __forceinline__ void convert(From x, Bf16* y /* (1) */) {
  *y = toBf16(static_cast<float>(x));
}
__device__ __forceinline__ void convert(Bf16 x, Bf16* y /* (1) */) { *y = x; }
template <class To>
__device__ __forceinline__ void convert(Bf16 x, To* y /* (1) */) {
  convert(toFloat(x), y);
}

template <class From, class To>
__global__ void __launch_bounds__(kThreads) castKernel(const From* x,  // (count)
                                                       To* y,          // (count)
                                                       int64_t count, int64_t vectors) {
  forElements(count, vectors, [=](int64_t i, auto width) {
    const auto from = loadPack<width.n>(x + i);
    Pack<To, width.n> to;
    CONVTAPE_UNROLL
    for (int j = 0; j < width.n; ++j) convert(from.v[j], &to.v[j]);
    storePack(y + i, to);
  });
}

template <class From, class To>
void cast(const From* x /* (count) */, To* y /* (count) */, int64_t count, Context& context) {
  const int64_t vectors = vectorsOf(count, aligned(x, 4 * sizeof(From)) && aligned(y, 4 * sizeof(To)));
  context.launch("cast", castKernel<From, To>, elementGrid(count, vectors, context.multiprocessors), kThreads, 0, x, y, count, vectors);
}

}  // namespace convtape::CONVTAPE_GPU
