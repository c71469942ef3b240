#include "cuda/conv2d.cuh"
#include "cuda/gemm.cuh"

namespace convtape::CONVTAPE_GPU {

// A group's weights, filters × (channels, taps), by the windows of its channels: y's maps are rows, its pixels columns.
void run(const Conv2d::Params& p, const Operands& o, Context& context) {
  const ConvSizes& s = p.sizes;
  const int64_t pixels = s.outHeight() * s.outWidth(), filters = s.groupFilters();
  const int64_t depth = s.groupChannels() * s.kernelHeight * s.kernelWidth;
  const float* x = o.in[0].f32();       // (batch, channels, height, width)
  const float* weight = o.in[1].f32();  // (filters, groupChannels, kernelHeight, kernelWidth)
  const PixelsByTaps windows = {windowsOf(s, x, context)};
  Target y = {};
  y.y = o.out[0].f32();  // (batch, filters, outHeight, outWidth)
  y.rowStride = pixels;
  y.imageStride = s.filters * pixels;
  y.lineStride = s.outWidth();
  y.columnStride = 1;
  y.batchStride = filters * pixels;
  y.pixels = windows.pixels;
  y.width = windows.outWidth;
  y.bias = o.in[2] ? o.in[2].f32() : nullptr;  // (filters)
  y.biasBatchStride = filters;
  y.biasOfRows = true;
  y.relu = p.relu;
  product(context, "conv2d", matrix<true>(weight, filters, depth, filters * depth), windows, y, s.groups, filters, s.batch * pixels, depth);
}

}  // namespace convtape::CONVTAPE_GPU
