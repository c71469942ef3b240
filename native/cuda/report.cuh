// How a kernel says that a value it was given is wrong (Context::report).
#pragma once

#include "cuda/kernels.h"

namespace convtape::CONVTAPE_GPU {

// `place`: which row or element, the lowest of several is kept; `value`: what was found there.
__device__ __forceinline__ void report(Report* to, int64_t place, int32_t value) {
  const Report where = place < 0x7fffffff ? static_cast<Report>(place) : 0x7fffffffu;
  atomicMin(to, where << 32 | static_cast<uint32_t>(value));
}

}  // namespace convtape::CONVTAPE_GPU
