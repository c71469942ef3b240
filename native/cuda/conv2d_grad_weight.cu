#include "cuda/conv2d.cuh"
#include "cuda/gemm.cuh"

namespace convtape::CONVTAPE_GPU {

// dweight[k,c,r,s] = Σ_{n,i,j} dy[n,k,i,j] · x[n, c, i·stride + r − padding, j·stride + s − padding]: filters by taps, the pixels of all
// images being the depth. There are few outputs and many pixels, so product() cuts the depth and adds the parts in order.
void run(const Conv2dGradWeight::Params& p, const Operands& o, Context& context) {
  const ConvSizes& s = p.sizes;
  const int64_t pixels = s.outHeight() * s.outWidth(), filters = s.groupFilters();
  const int64_t taps = s.groupChannels() * s.kernelHeight * s.kernelWidth;
  const float* x = o.in[1].f32();         // (batch, channels, height, width)
  float* const dweight = o.out[0].f32();  // (filters, groupChannels, kernelHeight, kernelWidth)
  const TapsByPixels windows = {windowsOf(s, x, context)};
  Separable<ImagesByPixels, true> dy = {};
  dy.data = o.in[0].f32();  // (batch, filters, outHeight, outWidth)
  dy.rowStride = pixels;
  dy.batchStride = filters * pixels;
  dy.map.pixels = windows.pixels;
  dy.map.imageStride = s.filters * pixels;
  product(context, "conv2dGradWeight", dy, windows, matrixTarget(dweight, filters, taps), s.groups, filters, taps, s.batch * pixels);
}

}  // namespace convtape::CONVTAPE_GPU
