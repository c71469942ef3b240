// The general copy: concat, slice, transpose, broadcasts, and their gradients.
#pragma once

#include "core/ops/fields.h"

namespace convtape {

// to[toOffset + i·toStrides] = from[fromOffset + i·fromStrides] for every index i of `shape`. Elements of `to` that no index reaches
// keep their values.
struct StridedCopy {
  static constexpr const char* name = "stridedCopy";
  static constexpr bool partial = true;
  struct Params {
    Dims shape, fromStrides, toStrides;
    int64_t fromOffset, toOffset;
  };
  template <class V>
  static void fields(Params& p, V& v) {
    v("shape", p.shape);
    v("fromStrides", p.fromStrides);
    v("toStrides", p.toStrides);
    v("fromOffset", p.fromOffset);
    v("toOffset", p.toOffset);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(1, 1);
    const int64_t count = product(name, p.shape);
    c.strided(0, "from", o.in[0].dtype, p.shape, p.fromStrides, p.fromOffset);
    c.stridedOutput(0, "to", o.in[0].dtype, p.shape, p.toStrides, p.toOffset);
    // Strides of 0 would let a shape without end fit a single element.
    c.range("elements of shape", static_cast<double>(count), 0, static_cast<double>(o.out[0].count));
  }
};

}  // namespace convtape
