// Average pooling, as max pooling is done: a thread an element, the caches hold what windows share, the gradient is gathered. 4 bytes
// moved an element of x, 4 an output, either way.
#include "cuda/pool2d.cuh"

namespace convtape::CONVTAPE_GPU {
namespace {

template <class Pool, class Index>
__global__ void __launch_bounds__(kThreads, 4) avgPool2dKernel(const float* __restrict__ x,  // (planes, height, width)
                                                               float* __restrict__ y,        // (planes, outHeight, outWidth)
                                                               int64_t count, PlaneIndex<Index> outputs, Pool p) {
  for (int64_t u = globalThread(); u < count; u += gridThreads()) {
    int i, j;
    const int64_t plane = outputs.locate(u, &i, &j);
    const int top = i * p.strideHeight() - p.paddingRows, left = j * p.strideWidth() - p.paddingColumns;
    const float* from = x + (plane * p.height + top) * p.width + left;  // (height, width), from the window's corner, which may lie outside
    float sum = 0;
    CONVTAPE_UNROLL
    for (int r = 0; r < p.kernelHeight(); ++r) {
      if (top + r < 0 || top + r >= p.height) continue;
      float rowSum = 0;
      CONVTAPE_UNROLL
      for (int s = 0; s < p.kernelWidth(); ++s)
        if (left + s >= 0 && left + s < p.width) rowSum += from[static_cast<int64_t>(r) * p.width + s];
      sum += rowSum;
    }
    const float rows = static_cast<float>(extent(i, p.kernelHeight(), p.strideHeight(), p.paddingRows, p.height));
    const float columns = static_cast<float>(extent(j, p.kernelWidth(), p.strideWidth(), p.paddingColumns, p.width));
    y[u] = sum / (rows * columns);
  }
}

template <class Pool, class Index>
__global__ void __launch_bounds__(kThreads, 4) avgPool2dGradKernel(const float* __restrict__ dy,  // (planes, outHeight, outWidth)
                                                                   float* __restrict__ dx,        // (planes, height, width)
                                                                   int64_t count, PlaneIndex<Index> inputs, Pool p) {
  for (int64_t u = globalThread(); u < count; u += gridThreads()) {
    int h, w, firstRow, lastRow, firstColumn, lastColumn;
    const int64_t plane = inputs.locate(u, &h, &w);
    covering(h, p.kernelHeight(), p.strideHeight(), p.paddingRows, p.outHeight, &firstRow, &lastRow);
    covering(w, p.kernelWidth(), p.strideWidth(), p.paddingColumns, p.outWidth, &firstColumn, &lastColumn);
    float sum = 0;
    for (int i = firstRow; i < lastRow; ++i) {
      const float rows = static_cast<float>(extent(i, p.kernelHeight(), p.strideHeight(), p.paddingRows, p.height));
      const float* from = dy + (plane * p.outHeight + i) * p.outWidth;  // (outWidth)
      for (int j = lastColumn - 1; j >= firstColumn; --j)
        sum += from[j] / (rows * static_cast<float>(extent(j, p.kernelWidth(), p.strideWidth(), p.paddingColumns, p.width)));
    }
    dx[u] = sum;
  }
}

}  // namespace

void run(const AvgPool2d::Params& p, const Operands& o, Context& context) {
  if (p.planes == 0) return;
  const int64_t count = p.planes * p.outHeight * p.outWidth, inputs = p.planes * p.height * p.width;
  withPoolWindow(p, count > inputs ? count : inputs, [&](auto window, auto narrow) {
    using Pool = decltype(window);
    using Index = decltype(narrow);
    context.launch("avgPool2d", avgPool2dKernel<Pool, Index>, gridFor(count, context.multiprocessors), kThreads, 0, o.in[0].f32(),
                   o.out[0].f32(), count, PlaneIndex<Index>(p.outHeight, p.outWidth), window);
  });
}

void run(const AvgPool2dGrad::Params& p, const Operands& o, Context& context) {
  if (p.planes == 0) return;
  const int64_t count = p.planes * p.height * p.width, outputs = p.planes * p.outHeight * p.outWidth;
  withPoolWindow(p, count > outputs ? count : outputs, [&](auto window, auto narrow) {
    using Pool = decltype(window);
    using Index = decltype(narrow);
    context.launch("avgPool2dGrad", avgPool2dGradKernel<Pool, Index>, gridFor(count, context.multiprocessors), kThreads, 0, o.in[0].f32(),
                   o.out[0].f32(), count, PlaneIndex<Index>(p.height, p.width), window);
  });
}

}  // namespace convtape::CONVTAPE_GPU
