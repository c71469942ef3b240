// The gradient of a bias: dbias[c] = Σ_{o,i} dy[o,c,i], dy being outer×channels×inner. With `relu`, dy is the gradient towards a layer's
// output y = relu(z) and goes through relu first: dz[o,c,i] = dy[o,c,i] where y[o,c,i] > 0 (or is NaN), else 0; dbias is the sum of dz.
#pragma once

#include "core/ops/fields.h"

namespace convtape {

struct BiasGrad {
  static constexpr const char* name = "biasGrad";
  struct Params {
    int64_t outer, channels, inner;
    bool relu;
  };
  template <class V>
  static void fields(Params& p, V& v) {
    v("outer", p.outer);
    v("channels", p.channels);
    v("inner", p.inner);
    v("relu", p.relu);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    const int64_t count = product(name, {p.outer, p.channels, p.inner});
    c.arity(p.relu ? 2 : 1, p.relu ? 2 : 1);
    c.input(0, "dy", DType::F32, count);
    c.output(0, "dbias", DType::F32, p.channels);
    if (!p.relu) return;
    c.input(1, "y", DType::F32, count);
    c.output(1, "dz", DType::F32, count);
  }
};

}  // namespace convtape
