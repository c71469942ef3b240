// Max pooling. Forward: a thread an output; overlapping windows find their shared elements in the first-level cache, so memory sees x
// once: 4 bytes an element of x, 5 an output. Backward: a thread an element of dx, which looks at the windows that hold it and takes dy
// where their winner is itself: no atomics, every sum in one order; 4 bytes an element of dx, 5 an output.
#include "cuda/pool2d.cuh"

namespace convtape::CONVTAPE_GPU {
namespace {

template <class Pool, class Index, class Place>
__global__ void __launch_bounds__(kThreads) maxPool2dKernel(const float* __restrict__ x,  // (planes, height, width)
                                                            float* __restrict__ y,        // (planes, outHeight, outWidth)
                                                            Place* __restrict__ index,    // as y, or null
                                                            int64_t count, PlaneIndex<Index> outputs, Pool p) {
  for (int64_t u = globalThread(); u < count; u += gridThreads()) {
    int i, j;
    const int64_t plane = outputs.locate(u, &i, &j);
    const int top = i * p.strideHeight() - p.paddingRows, left = j * p.strideWidth() - p.paddingColumns;
    const int firstRow = top < 0 ? -top : 0, firstColumn = left < 0 ? -left : 0;
    const int lastRow = min(p.kernelHeight(), p.height - top), lastColumn = min(p.kernelWidth(), p.width - left);
    const float* from = x + (plane * p.height + top) * p.width + left;  // (height, width), from the window's corner, which may lie outside
    // The first element that is not padding wins where all are −infinity. A NaN wins over everything; of several the last.
    float best = from[static_cast<int64_t>(firstRow) * p.width + firstColumn];
    int place = firstRow * p.kernelWidth() + firstColumn;
    CONVTAPE_UNROLL
    for (int r = 0; r < p.kernelHeight(); ++r) CONVTAPE_UNROLL
    for (int s = 0; s < p.kernelWidth(); ++s)
      if (r >= firstRow && r < lastRow && s >= firstColumn && s < lastColumn) {
        const float v = from[static_cast<int64_t>(r) * p.width + s];
        if ((v > best) | (v != v)) {
          best = v;
          place = r * p.kernelWidth() + s;
        }
      }
    y[u] = best;
    if (index) index[u] = static_cast<Place>(place);
  }
}

template <class Pool, class Index, class Place>
__global__ void __launch_bounds__(kThreads) maxPool2dGradKernel(const float* __restrict__ dy,     // (planes, outHeight, outWidth)
                                                                const Place* __restrict__ index,  // as dy
                                                                float* __restrict__ dx,           // (planes, height, width)
                                                                int64_t count, PlaneIndex<Index> inputs, Pool p) {
  for (int64_t u = globalThread(); u < count; u += gridThreads()) {
    int h, w, firstRow, lastRow, firstColumn, lastColumn;
    const int64_t plane = inputs.locate(u, &h, &w);
    covering(h, p.kernelHeight(), p.strideHeight(), p.paddingRows, p.outHeight, &firstRow, &lastRow);
    covering(w, p.kernelWidth(), p.strideWidth(), p.paddingColumns, p.outWidth, &firstColumn, &lastColumn);
    float sum = 0;
    for (int i = firstRow; i < lastRow; ++i) {
      const int64_t row = (plane * p.outHeight + i) * p.outWidth;
      const int rowPlace = (h + p.paddingRows - i * p.strideHeight()) * p.kernelWidth();
      for (int j = lastColumn - 1; j >= firstColumn; --j)
        if (static_cast<int>(index[row + j]) == rowPlace + w + p.paddingColumns - j * p.strideWidth()) sum += dy[row + j];
    }
    dx[u] = sum;
  }
}

template <class Place>
void forward(const MaxPool2d::Params& p, const Operands& o, Place* index /* (planes, outHeight, outWidth) or null */, Context& context) {
  const int64_t count = p.planes * p.outHeight * p.outWidth, inputs = p.planes * p.height * p.width;
  withPoolWindow(p, count > inputs ? count : inputs, [&](auto window, auto narrow) {
    using Pool = decltype(window);
    using Index = decltype(narrow);
    context.launch("maxPool2d", maxPool2dKernel<Pool, Index, Place>, gridFor(count, context.multiprocessors), kThreads, 0, o.in[0].f32(),
                   o.out[0].f32(), index, count, PlaneIndex<Index>(p.outHeight, p.outWidth), window);
  });
}

template <class Place>
void backward(const MaxPool2dGrad::Params& p, const Operands& o, const Place* index /* (planes, outHeight, outWidth) */, Context& context) {
  const int64_t count = p.planes * p.height * p.width, outputs = p.planes * p.outHeight * p.outWidth;
  withPoolWindow(p, count > outputs ? count : outputs, [&](auto window, auto narrow) {
    using Pool = decltype(window);
    using Index = decltype(narrow);
    context.launch("maxPool2dGrad", maxPool2dGradKernel<Pool, Index, Place>, gridFor(count, context.multiprocessors), kThreads, 0,
                   o.in[0].f32(), index, o.out[0].f32(), count, PlaneIndex<Index>(p.height, p.width), window);
  });
}

}  // namespace

void run(const MaxPool2d::Params& p, const Operands& o, Context& context) {
  if (p.planes == 0) return;
  if (maxPoolIndexType(p) == DType::I32)
    forward(p, o, o.out[1].i32(), context);
  else
    forward(p, o, o.out[1].u8(), context);
}

void run(const MaxPool2dGrad::Params& p, const Operands& o, Context& context) {
  if (p.planes == 0) return;
  if (maxPoolIndexType(p) == DType::I32)
    backward(p, o, static_cast<const int32_t*>(o.in[1].i32()), context);
  else
    backward(p, o, static_cast<const uint8_t*>(o.in[1].u8()), context);
}

}  // namespace convtape::CONVTAPE_GPU
