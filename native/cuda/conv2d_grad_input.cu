#include "cuda/conv2d.cuh"
#include "cuda/gemm.cuh"

namespace convtape::CONVTAPE_GPU {
namespace {

// Depth: (filter, r', s') of the part of the kernel that a phase sees, turned round: weight[filter, ·, firstRow + (rows−1−r')·strideHeight,
// firstColumn + (columns−1−s')·strideWidth], as one offset.
struct TurnedTaps {
  static constexpr bool kVectors = false;
  Quotient taps, columns;
  int64_t filterStride, lineStride, columnStride, last;  // last: offset of the part's last tap

  __device__ __forceinline__ int64_t offset(unsigned k) const {
    unsigned tap, s;
    const unsigned filter = taps.divide(k, &tap), r = columns.divide(tap, &s);
    return filter * filterStride + last - r * lineStride - s * columnStride;
  }
};

}  // namespace

// dx[n,c,h,w] = Σ_{k,r,s} dy[n, k, (h + padding − r)/stride, (w + padding − s)/stride] · weight[k,c,r,s] over the terms whose divisions
// come out even. For h = stride·i + h0 these are the r = a, a + stride, … with a = (h0 + padding) mod stride: the pixels of equal
// (h0, w0), a phase, are a convolution with stride 1 of dy by a part of the kernel, turned round. So each dx is gathered, by one thread.
void run(const Conv2dGradInput::Params& p, const Operands& o, Context& context) {
  const ConvSizes& s = p.sizes;
  const int64_t filters = s.groupFilters(), channels = s.groupChannels(), kernel = s.kernelHeight * s.kernelWidth;
  const int64_t pixels = s.outHeight() * s.outWidth();
  const float* dy = o.in[0].f32();      // (batch, filters, outHeight, outWidth)
  const float* weight = o.in[1].f32();  // (filters, groupChannels, kernelHeight, kernelWidth)
  WindowSizes sizes = windowsOf(s, dy, context);
  sizes.height = static_cast<int>(s.outHeight());
  sizes.width = static_cast<int>(s.outWidth());
  sizes.strideHeight = sizes.strideWidth = 1;
  sizes.channelStride = pixels;
  sizes.imageStride = s.filters * pixels;
  sizes.batchStride = filters * pixels;
  for (int64_t h0 = 0; h0 < s.strideHeight && h0 < s.height; ++h0)
    for (int64_t w0 = 0; w0 < s.strideWidth && w0 < s.width; ++w0) {
      const int64_t a = (h0 + s.paddingHeight) % s.strideHeight, b = (w0 + s.paddingWidth) % s.strideWidth;
      const int64_t rows = s.kernelHeight > a ? (s.kernelHeight - a - 1) / s.strideHeight + 1 : 0;
      const int64_t columns = s.kernelWidth > b ? (s.kernelWidth - b - 1) / s.strideWidth + 1 : 0, taps = rows * columns;
      const int64_t height = (s.height - h0 - 1) / s.strideHeight + 1, width = (s.width - w0 - 1) / s.strideWidth + 1;
      if (height * width > 0x7fffffff)
        failf(ErrorKind::Range, context.op, "an input of %lld by %lld: the GPU kernels take maps below 2^31 elements",
              static_cast<long long>(s.height), static_cast<long long>(s.width));
      PixelsByTaps windows = {sizes};
      windows.paddingHeight = static_cast<int>(rows - 1 - (h0 + s.paddingHeight) / s.strideHeight);
      windows.paddingWidth = static_cast<int>(columns - 1 - (w0 + s.paddingWidth) / s.strideWidth);
      windows.pixels = Quotient(height * width);
      windows.outWidth = Quotient(width);
      windows.taps = Quotient(taps ? taps : 1);
      windows.kernelWidth = Quotient(columns ? columns : 1);
      Separable<TurnedTaps, true> weights = {};
      weights.data = weight;
      weights.rowStride = kernel;
      weights.batchStride = filters * channels * kernel;
      weights.map.taps = windows.taps;
      weights.map.columns = windows.kernelWidth;
      weights.map.filterStride = channels * kernel;
      weights.map.lineStride = s.strideHeight * s.kernelWidth;
      weights.map.columnStride = s.strideWidth;
      weights.map.last = taps ? (a + (rows - 1) * s.strideHeight) * s.kernelWidth + b + (columns - 1) * s.strideWidth : 0;
      Target dx = {};
      dx.y = o.out[0].f32() + h0 * s.width + w0;  // (batch, channels, height, width), from the phase's first pixel on
      dx.rowStride = s.height * s.width;
      dx.imageStride = s.channels * dx.rowStride;
      dx.lineStride = s.strideHeight * s.width;
      dx.columnStride = s.strideWidth;
      dx.batchStride = channels * dx.rowStride;
      dx.pixels = windows.pixels;
      dx.width = windows.outWidth;
      // Pixels that no window covers have no taps: depth 0 writes zeros.
      product(context, "conv2dGradInput", weights, windows, dx, s.groups, channels, s.batch * height * width, filters * taps);
    }
}

}  // namespace convtape::CONVTAPE_GPU
