#include "cuda/kernels.h"

namespace convtape::CONVTAPE_GPU {
namespace {

constexpr int kThreads = 256;

// One thread a value of y. In float64, as the CPU does it, so both give the same bits; there are few of these for each byte of memory.
__global__ void cropImages(const unsigned char* __restrict__ x /* (batch, channels, height, width) */,
                           const int32_t* __restrict__ windows /* (batch · views, 3) */,
                           const float* __restrict__ mean /* (channels, height, width), (channels) or null, as p.mean says */,
                           const float* __restrict__ shift /* (batch, channels) or null */,
                           float* __restrict__ y /* (batch · views, channels, outHeight, outWidth) */, int64_t count,
                           CropImages::Params p) {
  const bool image = p.mean == ImageMean::Image;
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t k = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; k < count; k += step) {
    const int64_t j = k % p.outWidth, rest = k / p.outWidth, i = rest % p.outHeight, plane = rest / p.outHeight;
    const int64_t view = plane / p.channels, channel = plane % p.channels, source = view / p.views * p.channels + channel;
    const int32_t* window = windows + 3 * view;  // (3): row, column, whether mirrored
    const int64_t row = window[0] + i, column = window[1] + (window[2] != 0 ? p.outWidth - 1 - j : j);
    const int64_t nearRow = row < 0 ? 0 : row >= p.height ? p.height - 1 : row;
    const int64_t nearColumn = column < 0 ? 0 : column >= p.width ? p.width - 1 : column;
    const bool inside = row == nearRow && column == nearColumn;
    const double pixel = inside ? x[(source * p.height + row) * p.width + column] : 0;
    const double taken = mean ? mean[image ? (channel * p.height + nearRow) * p.width + nearColumn : channel] : 0;
    const double plus = shift ? shift[source] : 0;
    y[k] = static_cast<float>((pixel - taken + plus) * p.scale);
  }
}

}  // namespace

void run(const CropImages::Params& p, const Operands& o, Context& context) {
  const int64_t count = p.batch * p.views * p.channels * p.outHeight * p.outWidth;
  const float* mean = p.mean == ImageMean::None ? nullptr : o.in[2].f32();  // (channels, height, width), (channels) or null
  context.launch("cropImages", cropImages, blocksFor(count, kThreads), kThreads, 0, o.in[0].u8(), o.in[1].i32(), mean,
                 o.in[3] ? o.in[3].f32() : nullptr, o.out[0].f32(), count, p);
}

}  // namespace convtape::CONVTAPE_GPU
