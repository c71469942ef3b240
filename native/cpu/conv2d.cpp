#include "core/ops/conv2d.h"

#include "cpu/columns.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

// Where the columns of a product go: pixel (n,i,j) of map f to y[n·imageStride + f·mapStride + i·rowStride + j·columnStride].
struct Maps {
  float* y;
  int64_t imageStride, mapStride, rowStride, columnStride;
};

void storeRow(float* to, int64_t step, const float* from, int64_t count, float bias, bool relu) {
  if (step != 1) {
    for (int64_t t = 0; t < count; ++t) to[t * step] = relu && from[t] + bias < 0 ? 0 : from[t] + bias;
    return;
  }
  const Vec b = splat(bias);
  int64_t t = 0;
  if (relu) {
    for (; t + kLanes <= count; t += kLanes) {
      const Vec v = load(from + t) + b;
      store(to + t, v < Vec{} ? Vec{} : v);
    }
  } else {
    for (; t + kLanes <= count; t += kLanes) store(to + t, load(from + t) + b);
  }
  for (; t < count; ++t) to[t] = relu && from[t] + bias < 0 ? 0 : from[t] + bias;
}

// maps (rows) = weights · column matrix of `window`, for every group. weightRows(group) points at rows of taps·channels floats.
struct Convolution {
  Window window;
  const float* x;
  int64_t groups, batch, channels, maps;  // channels and maps of one group
  int64_t groupStride;                    // floats of x from one group to the next
  const float* weight;                    // groups·maps rows; null where prepareWeight makes them
  const float* bias;
  bool relu;
  Maps to;
};

template <class PrepareWeight>
void convolve(Context& context, const Convolution& c, int64_t weightFloats, const PrepareWeight& prepareWeight) {
  const int64_t depth = c.channels * c.window.taps(), pixels = c.window.pixels();
  const bool whole = c.to.columnStride == 1 && c.to.rowStride == c.window.outWidth;  // a map's pixels lie one behind the other
  const int workers = Pool::instance().workers();
  ColumnPackers packers(c.window, workers);
  const float* weight = c.weight;
  gemm(
      context, {c.groups, c.maps, c.batch * pixels, depth}, workers, packers.floats() + weightFloats,
      [&](float* memory) {
        packers.prepare(memory);
        if (weightFloats > 0) {
          prepareWeight(memory + packers.floats());
          weight = memory + packers.floats();
        }
      },
      [&](float* to, const Block& block, int64_t row, int64_t rows, int64_t k0, int64_t count) {
        copyRows(to, kDepthStride, weight + (block.batch * c.maps + row) * depth + k0, depth, rows, count);
      },
      [&](const PackedB& to, const Block& block, int64_t k0) {
        ColumnPacker& packer = packers.at(block.worker);
        packer.setPixels(block.column, block.columns);
        packer.setRows(c.x + block.batch * c.groupStride, k0, to.depth);
        for (int64_t v = 0; v < to.vectors; ++v) packer.packVector(v, to.at(v), to.stride(v));
      },
      [&](const float* from, int64_t ld, const Block& block) {
        for (int64_t at = 0; at < block.columns;) {
          const int64_t n = (block.column + at) / pixels, pixel = (block.column + at) % pixels;
          const int64_t i = pixel / c.window.outWidth, j = pixel % c.window.outWidth;
          const int64_t count = least(whole ? pixels - pixel : c.window.outWidth - j, block.columns - at);
          float* to = c.to.y + n * c.to.imageStride + i * c.to.rowStride + j * c.to.columnStride;
          for (int64_t row = 0; row < block.rows; ++row) {
            const int64_t map = block.batch * c.maps + block.row + row;
            storeRow(to + map * c.to.mapStride, c.to.columnStride, from + row * ld + at, count, c.bias ? c.bias[map] : 0, c.relu);
          }
          at += count;
        }
      });
}

Window windowOf(const ConvSizes& s) {
  return {s.height,       s.width,       s.height * s.width, s.channels * s.height * s.width,
          s.outHeight(),  s.outWidth(),  s.kernelHeight,     s.kernelWidth,
          s.strideHeight, s.strideWidth, s.paddingHeight,    s.paddingWidth};
}

}  // namespace

void run(const Conv2d::Params& p, const Operands& o, Context& context) {
  const ConvSizes& s = p.sizes;
  const Window window = windowOf(s);
  const int64_t pixels = window.pixels();
  const Maps maps = {o.out[0].f32(), s.filters * pixels, pixels, window.outWidth, 1};
  convolve(context,
           {window, o.in[0].f32(), s.groups, s.batch, s.groupChannels(), s.groupFilters(), s.groupChannels() * window.channelStride,
            o.in[1].f32(), o.in[2] ? o.in[2].f32() : nullptr, p.relu, maps},
           0, [](float*) {});
}

// dx[n,c,h,w] = Σ_{k,r,s} dy[n, k, (h + padding − r)/stride, (w + padding − s)/stride] · weight[k,c,r,s] over the terms whose divisions
// come out even. For h = stride·i + h0 these are the r = a, a + stride, … with a = (h0 + padding) mod stride: pixels of equal
// (h0, w0) are a convolution with stride 1 of dy with a part of the kernel, flipped. With stride 1 there is one such part, all of it.
void run(const Conv2dGradInput::Params& p, const Operands& o, Context& context) {
  const ConvSizes& s = p.sizes;
  const int64_t filters = s.groupFilters(), channels = s.groupChannels(), pixels = s.outHeight() * s.outWidth();
  const float* weight = o.in[1].f32();
  float* dx = o.out[0].f32();
  for (int64_t h0 = 0; h0 < least(s.strideHeight, s.height); ++h0)
    for (int64_t w0 = 0; w0 < least(s.strideWidth, s.width); ++w0) {
      const int64_t a = (h0 + s.paddingHeight) % s.strideHeight, b = (w0 + s.paddingWidth) % s.strideWidth;
      const int64_t tapsHeight = s.kernelHeight > a ? ceilDiv(s.kernelHeight - a, s.strideHeight) : 0;
      const int64_t tapsWidth = s.kernelWidth > b ? ceilDiv(s.kernelWidth - b, s.strideWidth) : 0;
      const int64_t taps = tapsHeight * tapsWidth;
      Window window;
      window.height = s.outHeight();
      window.width = s.outWidth();
      window.channelStride = pixels;
      window.imageStride = s.filters * pixels;
      window.outHeight = ceilDiv(s.height - h0, s.strideHeight);
      window.outWidth = ceilDiv(s.width - w0, s.strideWidth);
      window.kernelHeight = tapsHeight;
      window.kernelWidth = tapsWidth;
      window.strideHeight = window.strideWidth = 1;
      window.paddingHeight = tapsHeight - 1 - (h0 + s.paddingHeight) / s.strideHeight;
      window.paddingWidth = tapsWidth - 1 - (w0 + s.paddingWidth) / s.strideWidth;
      const Maps maps = {dx + h0 * s.width + w0, s.channels * s.height * s.width, s.height * s.width, s.strideHeight * s.width,
                         s.strideWidth};
      if (taps == 0) {  // no window covers these pixels
        parallelRanges(s.batch * s.channels, 1, [&](int64_t map, int64_t) {
          for (int64_t i = 0; i < window.outHeight; ++i)
            for (int64_t j = 0; j < window.outWidth; ++j) maps.y[map * maps.mapStride + i * maps.rowStride + j * maps.columnStride] = 0;
        });
        continue;
      }
      convolve(context, {window, o.in[0].f32(), s.groups, s.batch, filters, channels, filters * pixels, nullptr, nullptr, false, maps},
               s.channels * filters * taps, [&](float* to) {
                 parallelRanges(s.channels, 1, [&](int64_t channel, int64_t) {
                   const int64_t group = channel / channels, c = channel % channels;
                   float* row = to + channel * filters * taps;
                   for (int64_t k = 0; k < filters; ++k) {
                     const float* kernel = weight + ((group * filters + k) * channels + c) * s.kernelHeight * s.kernelWidth;
                     for (int64_t r = tapsHeight - 1; r >= 0; --r)
                       for (int64_t q = tapsWidth - 1; q >= 0; --q)
                         *row++ = kernel[(a + r * s.strideHeight) * s.kernelWidth + b + q * s.strideWidth];
                   }
                 });
               });
    }
}

}  // namespace convtape::cpu::CONVTAPE_ISA
