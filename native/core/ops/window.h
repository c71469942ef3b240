// The geometry that pooling operators share: windows over the planes of planes×height×width.
#pragma once

#include "core/ops/fields.h"

namespace convtape {

// Output (i, j) of a plane looks at rows i·strideHeight − paddingHeight … + kernelHeight − 1 and at columns likewise, those inside the
// plane.
struct Window2d {
  int64_t planes, height, width, outHeight, outWidth;
  int64_t kernelHeight, kernelWidth, strideHeight, strideWidth, paddingHeight, paddingWidth;

  template <class V>
  static void fields(Window2d& p, V& v) {
    v("planes", p.planes);
    v("height", p.height);
    v("width", p.width);
    v("outHeight", p.outHeight);
    v("outWidth", p.outWidth);
    v("kernelHeight", p.kernelHeight);
    v("kernelWidth", p.kernelWidth);
    v("strideHeight", p.strideHeight);
    v("strideWidth", p.strideWidth);
    v("paddingHeight", p.paddingHeight);
    v("paddingWidth", p.paddingWidth);
  }

  int64_t inputs(const char* op) const { return product(op, {planes, height, width}); }
  int64_t outputs(const char* op) const { return product(op, {planes, outHeight, outWidth}); }

  // Every window holds at least one element, and no index computed from these numbers overflows.
  static void check(const Window2d& p, const OperandChecker& c) {
    constexpr double kMost = 1 << 30, kMostWindow = 1 << 20;
    c.range("height", p.height, 1, kMost);
    c.range("width", p.width, 1, kMost);
    c.range("outHeight", p.outHeight, 1, kMost);
    c.range("outWidth", p.outWidth, 1, kMost);
    c.range("kernelHeight", p.kernelHeight, 1, kMostWindow);
    c.range("kernelWidth", p.kernelWidth, 1, kMostWindow);
    c.range("strideHeight", p.strideHeight, 1, kMostWindow);
    c.range("strideWidth", p.strideWidth, 1, kMostWindow);
    c.range("paddingHeight", p.paddingHeight, 0, p.kernelHeight - 1);
    c.range("paddingWidth", p.paddingWidth, 0, p.kernelWidth - 1);
    // Only the last window may hang over the padded plane.
    c.range("last window but one's last row", (p.outHeight - 2) * p.strideHeight + p.kernelHeight, -kMost, p.height + 2 * p.paddingHeight);
    c.range("last window but one's last column", (p.outWidth - 2) * p.strideWidth + p.kernelWidth, -kMost, p.width + 2 * p.paddingWidth);
    c.range("last window's first row", (p.outHeight - 1) * p.strideHeight - p.paddingHeight, -kMost, p.height - 1);
    c.range("last window's first column", (p.outWidth - 1) * p.strideWidth - p.paddingWidth, -kMost, p.width - 1);
  }
};

}  // namespace convtape
