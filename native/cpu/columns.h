// The column matrix of a convolution: row (c,r,s), column (n,i,j), element x[n, c, i·stride + r − padding, j·stride + s − padding].
// It is packed piece by piece straight from the image and never exists as a whole.
#pragma once

#include "core/ops/conv2d.h"
#include "cpu/gemm.h"

namespace convtape::cpu::CONVTAPE_ISA {

struct ColumnMatrix {
  const float* x;
  int64_t imageStride;  // floats from one image to the next
  int64_t height, width;
  int64_t outHeight, outWidth;
  int64_t kernelHeight, kernelWidth;
  int64_t strideHeight, strideWidth;
  int64_t paddingHeight, paddingWidth;  // may be negative
  int64_t upHeight, upWidth;            // x is taken as if up−1 zeros stood between its elements

  // to[k·ld + i] = row k0 + k, column `column` + i
  void pack(float* to, int64_t ld, int64_t k0, int64_t depth, int64_t column, int64_t columns) const {
    const int64_t pixels = outHeight * outWidth;
    for (int64_t k = 0; k < depth; ++k, to += ld) {
      const int64_t s = (k0 + k) % kernelWidth, r = (k0 + k) / kernelWidth % kernelHeight, c = (k0 + k) / (kernelWidth * kernelHeight);
      int64_t n = column / pixels, i = column % pixels / outWidth, j = column % outWidth;
      for (int64_t at = 0; at < columns;) {
        const int64_t count = least(outWidth - j, columns - at);
        const int64_t y = i * strideHeight + r - paddingHeight;
        if (y < 0 || y % upHeight != 0 || y / upHeight >= height) {
          for (int64_t t = 0; t < count; ++t) to[at + t] = 0;
        } else {
          packRow(to + at, x + n * imageStride + (c * height + y / upHeight) * width, j * strideWidth + s - paddingWidth, count);
        }
        at += count;
        j = 0;
        if (++i == outHeight) {
          i = 0;
          ++n;
        }
      }
    }
  }

 private:
  void packRow(float* to, const float* row, int64_t from, int64_t count) const {
    if (strideWidth == 1 && upWidth == 1) {
      const int64_t begin = least(count, from < 0 ? -from : 0), end = least(count, width > from ? width - from : 0);
      int64_t t = 0;
      for (; t < begin; ++t) to[t] = 0;
      for (; t < end; ++t) to[t] = row[from + t];
      for (; t < count; ++t) to[t] = 0;
      return;
    }
    for (int64_t t = 0; t < count; ++t, from += strideWidth)
      to[t] = from >= 0 && from % upWidth == 0 && from / upWidth < width ? row[from / upWidth] : 0;
  }
};

}  // namespace convtape::cpu::CONVTAPE_ISA
