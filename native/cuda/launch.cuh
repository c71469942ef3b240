// The only place that launches kernels, for CUDA and for the simulator alike.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <type_traits>

#ifdef __CUDACC__
// Dynamic shared memory is the only kind used, so that the simulator can carve it out and poison it for each block.
#define CONVTAPE_SHARED(type, name)                              \
  extern __shared__ __align__(128) unsigned char sharedBytes_[]; \
  type* const name = reinterpret_cast<type*>(sharedBytes_)
#endif

namespace convtape::CONVTAPE_GPU {

// kernel(args…) over the grid. Errors of the launch itself stay in cudaGetLastError, which the caller checks.
template <class... Params, class... Args>
void launchKernel(const char* name, void (*kernel)(Params...), dim3 grid, dim3 block, size_t sharedBytes, cudaStream_t stream,
                  Args... args) {
#if defined(__CUDACC__)
  (void)name;
  if (sharedBytes > (48u << 10)) cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(sharedBytes));
  kernel<<<grid, block, sharedBytes, stream>>>(static_cast<Params>(args)...);
#elif defined(CONVTAPE_SIMULATED)
  auto call = [=] { kernel(static_cast<Params>(args)...); };
  simt::launchKernel(name, stream, grid, block, sharedBytes, &call, sizeof call,
                     [](const void* c) { (*static_cast<const decltype(call)*>(c))(); });
#else
  static_assert(sizeof...(Params) < 0, "a host file launches no kernel");
#endif
}

}  // namespace convtape::CONVTAPE_GPU
