#include "cpu/columns.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

ColumnMatrix columnsOf(const ConvSizes& s, const float* x) {
  return {x,
          s.channels * s.height * s.width,
          s.height,
          s.width,
          s.outHeight(),
          s.outWidth(),
          s.kernelHeight,
          s.kernelWidth,
          s.strideHeight,
          s.strideWidth,
          s.paddingHeight,
          s.paddingWidth,
          1,
          1};
}

void copyRows(float* to, const float* from, int64_t stride, int64_t rows, int64_t depth) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < depth; ++j) to[i * kDepthStride + j] = from[i * stride + j];
}

// Rows of C are channels of group `group`, columns the pixels of all images: y is batch×channels×pixels.
void storeMaps(const float* c, int64_t ld, float* y, int64_t channels, int64_t pixels, int64_t row, int64_t rows, int64_t column,
               int64_t columns, const float* bias, bool relu) {
  for (int64_t at = 0; at < columns;) {
    const int64_t n = (column + at) / pixels, p = (column + at) % pixels, count = least(pixels - p, columns - at);
    for (int64_t i = 0; i < rows; ++i) {
      float* to = y + (n * channels + row + i) * pixels + p;
      const float* from = c + i * ld + at;
      const float b = bias ? bias[row + i] : 0;
      if (relu) {
        for (int64_t t = 0; t < count; ++t) to[t] = from[t] + b < 0 ? 0 : from[t] + b;
      } else {
        for (int64_t t = 0; t < count; ++t) to[t] = from[t] + b;
      }
    }
    at += count;
  }
}

}  // namespace

void run(const Conv2d::Params& p, const Operands& o, Context& context) {
  const ConvSizes& s = p.sizes;
  const int64_t pixels = s.outHeight() * s.outWidth(), filters = s.groupFilters();
  const int64_t depth = s.groupChannels() * s.kernelHeight * s.kernelWidth;
  const float* weight = o.in[1].f32();
  const float* bias = o.in[2] ? o.in[2].f32() : nullptr;
  const ColumnMatrix columns = columnsOf(s, o.in[0].f32());
  gemm(
      context, {s.groups, filters, s.batch * pixels, depth},
      [&](float* to, int64_t group, int64_t row, int64_t rows, int64_t k0, int64_t count) {
        copyRows(to, weight + (group * filters + row) * depth + k0, depth, rows, count);
      },
      [&](float* to, int64_t ld, int64_t group, int64_t k0, int64_t count, int64_t column, int64_t width) {
        ColumnMatrix part = columns;
        part.x += group * s.groupChannels() * s.height * s.width;
        part.pack(to, ld, k0, count, column, width);
      },
      [&](const float* c, int64_t ld, int64_t group, int64_t row, int64_t rows, int64_t column, int64_t width) {
        storeMaps(c, ld, o.out[0].f32(), s.filters, pixels, group * filters + row, rows, column, width, bias, p.relu);
      });
}

// dx[n,c,h,w] = Σ_{k,r,s} dy[n, k, (h + padding − r)/stride, (w + padding − s)/stride] · weight[k,c,r,s] over the terms where the
// divisions come out even. With r' = R−1−r it is a convolution of dy, stride−1 zeros put between its elements, with the flipped kernel.
void run(const Conv2dGradInput::Params& p, const Operands& o, Context& context) {
  const ConvSizes& s = p.sizes;
  const int64_t filters = s.groupFilters(), channels = s.groupChannels(), taps = s.kernelHeight * s.kernelWidth;
  const int64_t depth = filters * taps;
  const float* weight = o.in[1].f32();
  const ColumnMatrix columns = {o.in[0].f32(),
                                s.filters * s.outHeight() * s.outWidth(),
                                s.outHeight(),
                                s.outWidth(),
                                s.height,
                                s.width,
                                s.kernelHeight,
                                s.kernelWidth,
                                1,
                                1,
                                s.kernelHeight - 1 - s.paddingHeight,
                                s.kernelWidth - 1 - s.paddingWidth,
                                s.strideHeight,
                                s.strideWidth};
  gemm(
      context, {s.groups, channels, s.batch * s.height * s.width, depth},
      [&](float* to, int64_t group, int64_t row, int64_t rows, int64_t k0, int64_t count) {
        for (int64_t j = 0; j < count; ++j) {
          const int64_t k = (k0 + j) / taps, tap = taps - 1 - (k0 + j) % taps;
          for (int64_t i = 0; i < rows; ++i) to[i * kDepthStride + j] = weight[((group * filters + k) * channels + row + i) * taps + tap];
        }
      },
      [&](float* to, int64_t ld, int64_t group, int64_t k0, int64_t count, int64_t column, int64_t width) {
        ColumnMatrix part = columns;
        part.x += group * filters * s.outHeight() * s.outWidth();
        part.pack(to, ld, k0, count, column, width);
      },
      [&](const float* c, int64_t ld, int64_t group, int64_t row, int64_t rows, int64_t column, int64_t width) {
        storeMaps(c, ld, o.out[0].f32(), s.channels, s.height * s.width, group * channels + row, rows, column, width, nullptr, false);
      });
}

// dweight[k,c,r,s] = Σ_{n,i,j} dy[n,k,i,j] · x[n, c, i·stride + r − padding, j·stride + s − padding]: rows (c,r,s) of the column matrix
// times dy, pixels along k.
void run(const Conv2dGradWeight::Params& p, const Operands& o, Context& context) {
  const ConvSizes& s = p.sizes;
  const int64_t pixels = s.outHeight() * s.outWidth(), filters = s.groupFilters();
  const int64_t rowsOfColumns = s.groupChannels() * s.kernelHeight * s.kernelWidth;
  const float* dy = o.in[0].f32();
  float* dweight = o.out[0].f32();
  const ColumnMatrix columns = columnsOf(s, o.in[1].f32());
  gemm(
      context, {s.groups, rowsOfColumns, filters, s.batch * pixels},
      [&](float* to, int64_t group, int64_t row, int64_t rows, int64_t k0, int64_t count) {
        ColumnMatrix part = columns;
        part.x += group * s.groupChannels() * s.height * s.width;
        part.pack(to, kDepthStride, row, rows, k0, count);
      },
      [&](float* to, int64_t ld, int64_t group, int64_t k0, int64_t count, int64_t column, int64_t width) {
        for (int64_t at = 0; at < count;) {
          const int64_t n = (k0 + at) / pixels, first = (k0 + at) % pixels, run = least(pixels - first, count - at);
          const float* from = dy + (n * s.filters + group * filters + column) * pixels + first;
          for (int64_t i = 0; i < width; ++i)
            for (int64_t t = 0; t < run; ++t) to[(at + t) * ld + i] = from[i * pixels + t];
          at += run;
        }
      },
      [&](const float* c, int64_t ld, int64_t group, int64_t row, int64_t rows, int64_t column, int64_t width) {
        for (int64_t j = 0; j < width; ++j)
          for (int64_t i = 0; i < rows; ++i) dweight[(group * filters + column + j) * rowsOfColumns + row + i] = c[i * ld + j];
      });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
