// What a card could do at most, by the clocks that its driver names.
#pragma once

#include <cuda_runtime.h>

#include "core/device.h"

namespace convtape::CONVTAPE_GPU {

inline PeakRates peakRatesOf(int device, const cudaDeviceProp& properties) {
  const auto attribute = [device](cudaDeviceAttr which) {
    int value = 0;
    if (cudaDeviceGetAttribute(&value, which, device) != cudaSuccess) cudaGetLastError();
    return static_cast<double>(value);
  };
  // Float32 units a multiprocessor: CUDA C++ Programming Guide, "Arithmetic Instructions". Clocks come in kHz; memory moves twice a clock.
  const int capability = properties.major * 10 + properties.minor;
  const double units = capability == 75 || capability == 80 ? 64 : 128;
  return {2 * units * properties.multiProcessorCount * attribute(cudaDevAttrClockRate) * 1e3,
          2 * attribute(cudaDevAttrMemoryClockRate) * 1e3 * attribute(cudaDevAttrGlobalMemoryBusWidth) / 8};
}

}  // namespace convtape::CONVTAPE_GPU
