// Convolution and its gradients: window edges, strides, padding, groups, sizes of one, and AlexNet's layers.
#include "check/check.h"
#include "core/error.h"

namespace convtape::device_check {
namespace {

constexpr double kLarge = 1e7;  // FLOP that the simulator should not be asked for

// The convolution and both of its gradients.
void convolution(Cases& cases, const ConvSizes& s, bool bias, bool relu) {
  const int64_t x = s.batch * s.channels * s.height * s.width, pixels = s.outHeight() * s.outWidth(), y = s.batch * s.filters * pixels;
  const int64_t taps = s.groupChannels() * s.kernelHeight * s.kernelWidth, weight = s.filters * taps;
  const int64_t filterTaps = s.groupFilters() * s.kernelHeight * s.kernelWidth;
  const double flops = 2.0 * y * taps;
  const std::string shapes =
      str(s.batch, "×", s.channels, "×", s.height, "×", s.width, " * ", s.filters, "×", s.kernelHeight, "×", s.kernelWidth, "/",
          s.strideHeight, s.strideWidth != s.strideHeight ? str(",", s.strideWidth) : "", "+", s.paddingHeight,
          s.paddingWidth != s.paddingHeight ? str(",", s.paddingWidth) : "", s.groups > 1 ? str(" groups ", s.groups) : "");
  const auto add = [&](Case& c) -> Case& { return flops > kLarge ? c.large() : c; };
  Case& forward = add(cases.add<Conv2d>({s, relu}, shapes + (bias ? " + bias" : "") + (relu ? ", ReLU" : ""))).normal(x).normal(weight);
  if (bias)
    forward.normal(s.filters);
  else
    forward.none();
  forward.output(y).product(sums(taps, y)).flops(flops);
  add(cases.add<Conv2dGradInput>({s}, shapes)).normal(y).normal(weight).output(x).product(sums(filterTaps, x)).flops(flops);
  add(cases.add<Conv2dGradWeight>({s}, shapes)).normal(y).normal(x).output(weight).product(sums(s.batch * pixels, weight)).flops(flops);
}

}  // namespace

void conv2dCases(Cases& cases) {
  //                   n  c   h   w  k  r   s strides pads groups
  convolution(cases, {1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1}, true, false);
  convolution(cases, {2, 3, 9, 8, 5, 3, 3, 1, 1, 1, 1, 1}, true, true);
  convolution(cases, {2, 4, 7, 7, 6, 3, 2, 2, 1, 1, 0, 2}, true, false);     // ragged, groups, unequal strides
  convolution(cases, {1, 3, 23, 27, 8, 11, 11, 4, 4, 0, 0, 1}, true, true);  // the first layer's windows
  convolution(cases, {2, 4, 13, 13, 8, 5, 5, 1, 1, 2, 2, 2}, false, true);
  convolution(cases, {1, 2, 6, 5, 2, 1, 1, 3, 2, 0, 0, 1}, true, false);  // pixels that no window covers
  convolution(cases, {1, 2, 8, 8, 3, 2, 2, 3, 3, 1, 0, 1}, false, false);
  convolution(cases, {3, 6, 5, 5, 6, 3, 3, 1, 1, 1, 1, 6}, true, false);  // a group a channel
  convolution(cases, {1, 2, 3, 3, 3, 5, 5, 1, 1, 3, 3, 1}, true, false);  // a kernel larger than the image
  convolution(cases, {1, 1, 2, 9, 2, 1, 4, 1, 7, 0, 5, 1}, true, true);   // strides and padding beyond the kernel
  convolution(cases, {1, 8, 12, 12, 70, 3, 3, 1, 1, 1, 1, 1}, true, true);
  convolution(cases, {7, 2, 13, 13, 3, 2, 2, 1, 1, 0, 0, 1}, false, false);  // the pixels in two parts, for the weights
  for (const int64_t n : {128, 1}) {
    convolution(cases, {n, 3, 227, 227, 96, 11, 11, 4, 4, 0, 0, 1}, true, true);
    convolution(cases, {n, 96, 27, 27, 256, 5, 5, 1, 1, 2, 2, 2}, true, true);
    convolution(cases, {n, 256, 13, 13, 384, 3, 3, 1, 1, 1, 1, 1}, true, true);
    convolution(cases, {n, 384, 13, 13, 384, 3, 3, 1, 1, 1, 1, 2}, true, true);
    convolution(cases, {n, 384, 13, 13, 256, 3, 3, 1, 1, 1, 1, 2}, true, true);
  }
}

}  // namespace convtape::device_check
