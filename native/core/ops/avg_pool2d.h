// The mean of every window.
#pragma once

#include "core/ops/window.h"

namespace convtape {

// y = (sum over the window) / (elements of the window inside the padded plane): padding counts as zeros, what hangs over it does not.
struct AvgPool2d {
  static constexpr const char* name = "avgPool2d";
  struct Params : Window2d {};
  template <class V>
  static void fields(Params& p, V& v) {
    Window2d::fields(p, v);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(1, 1);
    Window2d::check(p, c);
    c.input(0, "x", DType::F32, p.inputs(name));
    c.output(0, "y", DType::F32, p.outputs(name));
  }
};

// dx = sum of dy / divisor over the windows that hold the element.
struct AvgPool2dGrad {
  static constexpr const char* name = "avgPool2dGrad";
  struct Params : Window2d {};
  template <class V>
  static void fields(Params& p, V& v) {
    Window2d::fields(p, v);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(1, 1);
    Window2d::check(p, c);
    c.input(0, "dy", DType::F32, p.outputs(name));
    c.output(0, "dx", DType::F32, p.inputs(name));
  }
};

}  // namespace convtape
