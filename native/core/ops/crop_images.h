// From stored bytes to what a network reads: windows of images, some mirrored, minus a mean, plus a shift of their colours, scaled.
#pragma once

#include "core/ops/fields.h"

namespace convtape {

enum class ImageMean { None, Channel, Image };
inline constexpr const char* kImageMeans[] = {"none", "channel", "image"};

// x (batch, channels, height, width) bytes -> y (batch · views, channels, outHeight, outWidth):
//   y[m, c, i, j] = (x[⌊m/views⌋, c, top + i, left + j'] − mean[c, …] + shift[⌊m/views⌋, c]) · scale
// with (top, left, mirror) row m of windows, and j' = outWidth − 1 − j where mirror is not 0, else j. Every window is meant: beside the
// image there is black (0), from which the mean of the nearest edge is taken. Computed in float64, rounded once.
struct CropImages {
  static constexpr const char* name = "cropImages";
  struct Params {
    int64_t batch, channels, height, width, views, outHeight, outWidth;
    ImageMean mean;
    double scale;
  };
  template <class V>
  static void fields(Params& p, V& v) {
    v("batch", p.batch);
    v("channels", p.channels);
    v("height", p.height);
    v("width", p.width);
    v("views", p.views);
    v("outHeight", p.outHeight);
    v("outWidth", p.outWidth);
    v.choice("mean", p.mean, kImageMeans);
    v("scale", p.scale);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(4, 1);
    const int64_t values = p.mean == ImageMean::Image ? product(name, {p.channels, p.height, p.width}) : p.channels;
    // The nearest edge of an image without pixels does not exist.
    c.range("height", static_cast<double>(p.height), 1, 2147483647);
    c.range("width", static_cast<double>(p.width), 1, 2147483647);
    c.range("views", static_cast<double>(p.views), 1, 2147483647);
    c.input(0, "x", DType::U8, product(name, {p.batch, p.channels, p.height, p.width}));
    c.input(1, "windows", DType::I32, product(name, {p.batch, p.views, 3}));
    if (p.mean == ImageMean::None)
      c.optionalInput(2, "mean", DType::F32, 0);
    else
      c.input(2, "mean", DType::F32, values);
    c.optionalInput(3, "shift", DType::F32, product(name, {p.batch, p.channels}));
    c.output(0, "y", DType::F32, product(name, {p.batch, p.views, p.channels, p.outHeight, p.outWidth}));
  }
};

}  // namespace convtape
