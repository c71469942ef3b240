// The gradient of a bias: dbias[c] = Σ_{o,i} dy[o,c,i], dy being outer×channels×inner.
#pragma once

#include "core/ops/fields.h"

namespace convtape {

struct BiasGrad {
  static constexpr const char* name = "biasGrad";
  struct Params {
    int64_t outer, channels, inner;
  };
  template <class V>
  static void fields(Params& p, V& v) {
    v("outer", p.outer);
    v("channels", p.channels);
    v("inner", p.inner);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(1, 1);
    c.input(0, "dy", DType::F32, product(name, {p.outer, p.channels, p.inner}));
    c.output(0, "dbias", DType::F32, p.channels);
  }
};

}  // namespace convtape
