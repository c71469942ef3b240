// Convolution (cross-correlation, as every network library has it): x N×C×H×W, weight K×(C/groups)×R×S, y N×K×OH×OW,
//   y[n,k,i,j] = bias[k] + Σ_{c,r,s} x[n, c, i·strideHeight + r − paddingHeight, j·strideWidth + s − paddingWidth] · weight[k,c,r,s]
// where c runs over the channels of k's group and x is 0 outside its edges.
#pragma once

#include "core/ops/fields.h"

namespace convtape {

struct ConvSizes {
  int64_t batch, channels, height, width;
  int64_t filters, kernelHeight, kernelWidth;
  int64_t strideHeight, strideWidth, paddingHeight, paddingWidth;
  int64_t groups;

  int64_t outHeight() const { return (height + 2 * paddingHeight - kernelHeight) / strideHeight + 1; }
  int64_t outWidth() const { return (width + 2 * paddingWidth - kernelWidth) / strideWidth + 1; }
  int64_t groupChannels() const { return channels / groups; }
  int64_t groupFilters() const { return filters / groups; }

  template <class V>
  static void fields(ConvSizes& p, V& v) {
    v("batch", p.batch);
    v("channels", p.channels);
    v("height", p.height);
    v("width", p.width);
    v("filters", p.filters);
    v("kernelHeight", p.kernelHeight);
    v("kernelWidth", p.kernelWidth);
    v("strideHeight", p.strideHeight);
    v("strideWidth", p.strideWidth);
    v("paddingHeight", p.paddingHeight);
    v("paddingWidth", p.paddingWidth);
    v("groups", p.groups);
  }
  // Sizes a kernel can trust: all positive, nothing overflows, at least one output.
  void check(const OperandChecker& c, const char* op) const {
    constexpr double kMost = 1 << 30;
    c.range("batch", static_cast<double>(batch), 1, kMost);
    c.range("channels", static_cast<double>(channels), 1, kMost);
    c.range("height", static_cast<double>(height), 1, kMost);
    c.range("width", static_cast<double>(width), 1, kMost);
    c.range("filters", static_cast<double>(filters), 1, kMost);
    c.range("strideHeight", static_cast<double>(strideHeight), 1, kMost);
    c.range("strideWidth", static_cast<double>(strideWidth), 1, kMost);
    c.range("paddingHeight", static_cast<double>(paddingHeight), 0, kMost);
    c.range("paddingWidth", static_cast<double>(paddingWidth), 0, kMost);
    c.range("kernelHeight", static_cast<double>(kernelHeight), 1, static_cast<double>(height + 2 * paddingHeight));
    c.range("kernelWidth", static_cast<double>(kernelWidth), 1, static_cast<double>(width + 2 * paddingWidth));
    c.range("groups", static_cast<double>(groups), 1, kMost);
    if (channels % groups != 0 || filters % groups != 0)
      fail(ErrorKind::Range, op, "groups ", groups, " must divide the channels ", channels, " and the filters ", filters);
  }
  int64_t xCount(const char* op) const { return product(op, {batch, channels, height, width}); }
  int64_t weightCount(const char* op) const { return product(op, {filters, groupChannels(), kernelHeight, kernelWidth}); }
  int64_t yCount(const char* op) const { return product(op, {batch, filters, outHeight(), outWidth()}); }
};

struct Conv2d {
  static constexpr const char* name = "conv2d";
  struct Params {
    ConvSizes sizes;
    bool relu;  // y = max(0, …)
  };
  template <class V>
  static void fields(Params& p, V& v) {
    ConvSizes::fields(p.sizes, v);
    v("relu", p.relu);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    p.sizes.check(c, name);
    c.arity(3, 1);
    c.input(0, "x", DType::F32, p.sizes.xCount(name));
    c.input(1, "weight", DType::F32, p.sizes.weightCount(name));
    c.optionalInput(2, "bias", DType::F32, p.sizes.filters);
    c.output(0, "y", DType::F32, p.sizes.yCount(name));
  }
};

// dx from dy and weight.
struct Conv2dGradInput {
  static constexpr const char* name = "conv2dGradInput";
  struct Params {
    ConvSizes sizes;
  };
  template <class V>
  static void fields(Params& p, V& v) {
    ConvSizes::fields(p.sizes, v);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    p.sizes.check(c, name);
    c.arity(2, 1);
    c.input(0, "dy", DType::F32, p.sizes.yCount(name));
    c.input(1, "weight", DType::F32, p.sizes.weightCount(name));
    c.output(0, "dx", DType::F32, p.sizes.xCount(name));
  }
};

// dweight from dy and x.
struct Conv2dGradWeight {
  static constexpr const char* name = "conv2dGradWeight";
  struct Params {
    ConvSizes sizes;
  };
  template <class V>
  static void fields(Params& p, V& v) {
    ConvSizes::fields(p.sizes, v);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    p.sizes.check(c, name);
    c.arity(2, 1);
    c.input(0, "dy", DType::F32, p.sizes.yCount(name));
    c.input(1, "x", DType::F32, p.sizes.xCount(name));
    c.output(0, "dweight", DType::F32, p.sizes.weightCount(name));
  }
};

}  // namespace convtape
