// What the convolution and its gradients share.
#pragma once

#include "core/error.h"
#include "cuda/kernels.h"
#include "cuda/sources.cuh"

namespace convtape::CONVTAPE_GPU {

// The windows of x, one group's channels; refuses what would not fit an int. (A map of 2^28 rows is no image.)
inline WindowSizes windowsOf(const ConvSizes& s, const float* x /* (batch, channels, height, width) */, const Context& context) {
  const int64_t extents[] = {s.height + 2 * s.paddingHeight, s.width + 2 * s.paddingWidth};
  for (const int64_t extent : extents)
    if (extent > WindowSizes::kMostExtent)
      failf(ErrorKind::Range, context.op, "a height or width of %lld with its padding: the GPU kernels take at most %lld",
            static_cast<long long>(extent), static_cast<long long>(WindowSizes::kMostExtent));
  const int64_t pixels = s.outHeight() * s.outWidth(), taps = s.kernelHeight * s.kernelWidth;
  if (pixels > 0x7fffffff || taps > 0x7fffffff)
    failf(ErrorKind::Range, context.op,
          "an output of %lld by %lld, a kernel of %lld by %lld: the GPU kernels take maps below 2^31 elements",
          static_cast<long long>(s.outHeight()), static_cast<long long>(s.outWidth()), static_cast<long long>(s.kernelHeight),
          static_cast<long long>(s.kernelWidth));
  WindowSizes w = {};
  w.data = x;
  w.height = static_cast<int>(s.height);
  w.width = static_cast<int>(s.width);
  w.strideHeight = static_cast<int>(s.strideHeight);
  w.strideWidth = static_cast<int>(s.strideWidth);
  w.paddingHeight = static_cast<int>(s.paddingHeight);
  w.paddingWidth = static_cast<int>(s.paddingWidth);
  w.channelStride = s.height * s.width;
  w.imageStride = s.channels * w.channelStride;
  w.batchStride = s.groupChannels() * w.channelStride;
  w.pixels = Quotient(pixels);
  w.outWidth = Quotient(s.outWidth());
  w.taps = Quotient(taps);
  w.kernelWidth = Quotient(s.kernelWidth);
  return w;
}

}  // namespace convtape::CONVTAPE_GPU
