#include "core/ops/conv2d.h"

#include "cpu/windows.h"
#include "cpu/winograd_conv2d.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

// Where the maps of a convolution go: pixel (n,i,j) of map f to y[n·imageStride + f·mapStride + i·rowStride + j·columnStride].
struct Maps {
  float* y;
  int64_t imageStride, mapStride, rowStride, columnStride;
};

// A convolution by filters given as a packed B: rows of C are pixels, columns the maps of a group.
struct Convolution {
  Window window;
  const float* x;
  int64_t groups, batch, channels, maps;  // channels and maps of one group
  int64_t groupStride;                    // floats of x from one group to the next
  const float* bias;
  bool relu;
  Maps to;
};

// Pixels `at` … at+count of one map row of C (or of one whole map), transposed to maps.
void storeMaps(const Convolution& c, float* to, const float* from, int64_t ld, int64_t count, int64_t map, int64_t maps) {
  const Maps& m = c.to;
  if (m.columnStride == 1) return copyActivated(to, m.mapStride, from, ld, count, maps, c.bias ? c.bias + map : nullptr, c.relu);
  for (int64_t j = 0; j < maps; ++j) {
    const float bias = c.bias ? c.bias[map + j] : 0;
    for (int64_t i = 0; i < count; ++i) {
      const float v = from[i * ld + j] + bias;
      to[j * m.mapStride + i * m.columnStride] = c.relu && v < 0 ? 0 : v;
    }
  }
}

template <class PackB>
void convolve(Context& context, const Convolution& c, const PackB& packB) {
  const int64_t pixels = c.window.pixels(), outWidth = c.window.outWidth;
  const bool whole = c.to.columnStride == 1 && c.to.rowStride == outWidth;  // a map's rows lie one behind the other
  const int workers = Pool::instance().workers();
  WindowReaders readers(c.window, workers);
  GemmSizes sizes = {c.groups, c.batch * pixels, c.maps, c.channels * c.window.taps()};
  sizes.rowUnit = outWidth;
  gemm(
      context, sizes, workers, readers.floats(), [&](float* memory) { readers.prepare(memory); },
      [&](const Block& block, int64_t row, int64_t rows, int64_t k0, int64_t depth, const float** pointers, int32_t* offsets) {
        readers.at(block.worker).pixelsByTaps(c.x + block.batch * c.groupStride, row, rows, k0, depth, pointers, offsets);
        return rows;
      },
      packB, OwnC(),
      [&](const float* from, int64_t ld, const Block& block) {
        for (int64_t at = 0; at < block.rows;) {
          const int64_t n = (block.row + at) / pixels, pixel = (block.row + at) % pixels, i = pixel / outWidth, j = pixel % outWidth;
          const int64_t count = least(whole ? pixels - pixel : outWidth - j, block.rows - at), map = block.batch * c.maps + block.column;
          float* to = c.to.y + n * c.to.imageStride + map * c.to.mapStride + i * c.to.rowStride + j * c.to.columnStride;
          storeMaps(c, to, from + at * ld, ld, count, map, block.columns);
          at += count;
        }
      });
}

}  // namespace

void run(const Conv2d::Params& p, const Operands& o, Context& context) {
  const ConvSizes& s = p.sizes;
  const int64_t pixels = s.outHeight() * s.outWidth(), filters = s.groupFilters();
  const int64_t depth = s.groupChannels() * s.kernelHeight * s.kernelWidth;
  const float* weight = o.in[1].f32();
  if (winogradPays(s, s.outHeight(), s.outWidth())) {
    WinogradConv c;
    c.groups = s.groups;
    c.batch = s.batch;
    c.channels = s.groupChannels();
    c.maps = filters;
    c.kernel = s.kernelHeight;
    c.fold = s.strideHeight;
    c.height = s.height;
    c.width = s.width;
    c.outHeight = s.outHeight();
    c.outWidth = s.outWidth();
    c.paddingHeight = s.paddingHeight;
    c.paddingWidth = s.paddingWidth;
    c.x = o.in[0].f32();
    c.weight = weight;
    c.bias = o.in[2] ? o.in[2].f32() : nullptr;
    c.relu = p.relu;
    c.y = o.out[0].f32();
    return winogradConvolve(context, c);
  }
  Convolution c;
  c.window = {s.height,       s.width,       s.height * s.width, s.channels * s.height * s.width,
              s.outHeight(),  s.outWidth(),  s.kernelHeight,     s.kernelWidth,
              s.strideHeight, s.strideWidth, s.paddingHeight,    s.paddingWidth};
  c.x = o.in[0].f32();
  c.groups = s.groups;
  c.batch = s.batch;
  c.channels = s.groupChannels();
  c.maps = filters;
  c.groupStride = s.groupChannels() * s.height * s.width;
  c.bias = o.in[2] ? o.in[2].f32() : nullptr;
  c.relu = p.relu;
  c.to = {o.out[0].f32(), s.filters * pixels, pixels, s.outWidth(), 1};
  convolve(context, c, [&](const PackedB& to, int64_t group, int64_t column, int64_t columns, int64_t k0, int) {
    packColumns(to, 0, to.depth, weight + (group * filters + column) * depth + k0, depth, columns);
  });
}

// dx[n,c,h,w] = Σ_{k,r,s} dy[n, k, (h + padding − r)/stride, (w + padding − s)/stride] · weight[k,c,r,s] over the terms whose divisions
// come out even. For h = stride·i + h0 these are the r = a, a + stride, … with a = (h0 + padding) mod stride: the pixels of equal
// (h0, w0) are a convolution with stride 1 of dy by a part of the kernel, flipped. With stride 1 there is one such part, all of it.
void run(const Conv2dGradInput::Params& p, const Operands& o, Context& context) {
  const ConvSizes& s = p.sizes;
  const int64_t filters = s.groupFilters(), channels = s.groupChannels(), pixels = s.outHeight() * s.outWidth();
  const float* weight = o.in[1].f32();
  if (s.strideHeight == 1 && winogradPays(s, s.height, s.width)) {  // a convolution of dy by the kernel, flipped
    WinogradConv c;
    c.groups = s.groups;
    c.batch = s.batch;
    c.channels = filters;
    c.maps = channels;
    c.kernel = s.kernelHeight;
    c.fold = 1;
    c.height = s.outHeight();
    c.width = s.outWidth();
    c.outHeight = s.height;
    c.outWidth = s.width;
    c.paddingHeight = s.kernelHeight - 1 - s.paddingHeight;
    c.paddingWidth = s.kernelWidth - 1 - s.paddingWidth;
    c.x = o.in[0].f32();
    c.weight = weight;
    c.transposed = true;
    c.y = o.out[0].f32();
    return winogradConvolve(context, c);
  }
  for (int64_t h0 = 0; h0 < least(s.strideHeight, s.height); ++h0)
    for (int64_t w0 = 0; w0 < least(s.strideWidth, s.width); ++w0) {
      const int64_t a = (h0 + s.paddingHeight) % s.strideHeight, b = (w0 + s.paddingWidth) % s.strideWidth;
      Convolution c;
      Window& w = c.window;
      w.height = s.outHeight();
      w.width = s.outWidth();
      w.channelStride = pixels;
      w.imageStride = s.filters * pixels;
      w.outHeight = ceilDiv(s.height - h0, s.strideHeight);
      w.outWidth = ceilDiv(s.width - w0, s.strideWidth);
      w.kernelHeight = s.kernelHeight > a ? ceilDiv(s.kernelHeight - a, s.strideHeight) : 0;
      w.kernelWidth = s.kernelWidth > b ? ceilDiv(s.kernelWidth - b, s.strideWidth) : 0;
      w.strideHeight = w.strideWidth = 1;
      w.paddingHeight = w.kernelHeight - 1 - (h0 + s.paddingHeight) / s.strideHeight;
      w.paddingWidth = w.kernelWidth - 1 - (w0 + s.paddingWidth) / s.strideWidth;
      c.x = o.in[0].f32();
      c.groups = s.groups;
      c.batch = s.batch;
      c.channels = filters;
      c.maps = channels;
      c.groupStride = filters * pixels;
      c.bias = nullptr;
      c.relu = false;
      c.to = {o.out[0].f32() + h0 * s.width + w0, s.channels * s.height * s.width, s.height * s.width, s.strideHeight * s.width,
              s.strideWidth};
      if (w.taps() == 0) {  // no window covers these pixels
        parallelRanges(s.batch * s.channels, 1, [&](int64_t map, int64_t) {
          for (int64_t i = 0; i < w.outHeight; ++i)
            for (int64_t j = 0; j < w.outWidth; ++j) c.to.y[map * c.to.mapStride + i * c.to.rowStride + j * c.to.columnStride] = 0;
        });
        continue;
      }
      const int64_t kernel = s.kernelHeight * s.kernelWidth;
      convolve(context, c, [&](const PackedB& to, int64_t group, int64_t column, int64_t columns, int64_t k0, int) {
        forPanels(to, [&](int64_t v, int64_t vectors, float* panel, int64_t row) {
          const int64_t lanes = least(vectors * kLanes, columns - v * kLanes);
          for (int64_t k = 0; k < to.depth; ++k, panel += row) {
            const int64_t filter = (k0 + k) / w.taps(), tap = w.taps() - 1 - (k0 + k) % w.taps();
            const int64_t r = a + tap / w.kernelWidth * s.strideHeight, q = b + tap % w.kernelWidth * s.strideWidth;
            const float* from = weight + ((group * filters + filter) * channels + column + v * kLanes) * kernel + r * s.kernelWidth + q;
            for (int64_t lane = 0; lane < row; ++lane) panel[lane] = lane < lanes ? from[lane * kernel] : 0;
          }
        });
      });
    }
}

}  // namespace convtape::cpu::CONVTAPE_ISA
