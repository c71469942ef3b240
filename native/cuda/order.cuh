// Floats and their places as integers, in the order that argmax and topK promise.
#pragma once

#include "cuda/index.cuh"

namespace convtape::CONVTAPE_GPU {

// Ascending keys are descending elements: NaN first, then +∞ … −∞, equal ones (−0 and +0 are) by their place.
__device__ __forceinline__ uint64_t descendingKey(float x, uint32_t place) {
  uint32_t bits = __float_as_uint(x);
  if (x == 0.0f) bits = 0;
  const uint32_t ascending = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  const uint32_t descending = x != x ? 0 : ~ascending;
  return static_cast<uint64_t>(descending) << 32 | place;
}
__device__ __forceinline__ uint32_t placeOf(uint64_t key) { return static_cast<uint32_t>(key); }

}  // namespace convtape::CONVTAPE_GPU
