// Where along an axis the largest element is.
#pragma once

#include "core/ops/fields.h"

namespace convtape {

// x (outer, n, inner) -> y (outer, inner): the first of the largest; NaN counts as larger than all else.
struct Argmax {
  static constexpr const char* name = "argmax";
  struct Params {
    int64_t outer, n, inner;
  };
  template <class V>
  static void fields(Params& p, V& v) {
    v("outer", p.outer);
    v("n", p.n);
    v("inner", p.inner);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(1, 1);
    c.range("n", static_cast<double>(p.n), 1, 2147483647);
    c.input(0, "x", DType::F32, product(name, {p.outer, p.n, p.inner}));
    c.output(0, "y", DType::I32, product(name, {p.outer, p.inner}));
  }
};

}  // namespace convtape
