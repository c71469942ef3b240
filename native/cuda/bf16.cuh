// bf16 to float32, which is exact, and back, to the nearest with ties to even.
#pragma once

#include <cuda_runtime.h>
#include <stdint.h>

#include "core/dtype.h"

namespace convtape::CONVTAPE_GPU {

__host__ __device__ __forceinline__ float toFloat(Bf16 x) {
  union {
    uint32_t bits;
    float value;
  } y;
  y.bits = static_cast<uint32_t>(x.bits) << 16;
  return y.value;
}

__host__ __device__ __forceinline__ Bf16 toBf16(float x) {
  union {
    float value;
    uint32_t bits;
  } y;
  y.value = x;
  const uint32_t rounded = (y.bits + 0x7fff + (y.bits >> 16 & 1)) >> 16;
  const uint32_t nan = y.bits >> 16 | 0x40;  // rounded, its mantissa might become that of an infinity
  return {static_cast<uint16_t>(x == x ? rounded : nan)};
}

}  // namespace convtape::CONVTAPE_GPU
