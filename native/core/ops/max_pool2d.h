// The largest element of every window.
#pragma once

#include "core/ops/window.h"

namespace convtape {

// Elements of a window up to which a winner's place in its window fits one byte.
constexpr int64_t kMaxPoolByteWindow = 256;
inline DType maxPoolIndexType(const Window2d& p) {
  return p.kernelHeight <= kMaxPoolByteWindow && p.kernelWidth <= kMaxPoolByteWindow && p.kernelHeight * p.kernelWidth <= kMaxPoolByteWindow
             ? DType::U8
             : DType::I32;
}

// y = max over the window; index = (row in the window)·kernelWidth + (column in the window) of the first maximum in row order,
// a u8 where the window has at most 256 elements, else an i32. A NaN wins over everything.
struct MaxPool2d {
  static constexpr const char* name = "maxPool2d";
  struct Params : Window2d {};
  template <class V>
  static void fields(Params& p, V& v) {
    Window2d::fields(p, v);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(1, 2);
    Window2d::check(p, c);
    c.range("kernelHeight × kernelWidth", static_cast<double>(p.kernelHeight) * static_cast<double>(p.kernelWidth), 1, INT32_MAX);
    c.input(0, "x", DType::F32, p.inputs(name));
    c.output(0, "y", DType::F32, p.outputs(name));
    c.optionalOutput(1, "index", maxPoolIndexType(p), p.outputs(name));
  }
};

// dx = sum of dy over the windows whose winner the element is.
struct MaxPool2dGrad {
  static constexpr const char* name = "maxPool2dGrad";
  struct Params : Window2d {};
  template <class V>
  static void fields(Params& p, V& v) {
    Window2d::fields(p, v);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(2, 1);
    Window2d::check(p, c);
    c.range("kernelHeight × kernelWidth", static_cast<double>(p.kernelHeight) * static_cast<double>(p.kernelWidth), 1, INT32_MAX);
    c.input(0, "dy", DType::F32, p.outputs(name));
    c.input(1, "index", maxPoolIndexType(p), p.outputs(name));
    c.output(0, "dx", DType::F32, p.inputs(name));
  }
};

}  // namespace convtape
