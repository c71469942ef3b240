// Conversion between element types.
#pragma once

#include "core/ops/fields.h"

namespace convtape {

// To an integer type: towards zero, values beyond its range to the nearest it has, NaN to 0. To f32: the nearest, ties to even. To bf16:
// the nearest to the value as f32, ties to even; a NaN stays one.
struct Cast {
  static constexpr const char* name = "cast";
  struct Params {
    int64_t count;
  };
  template <class V>
  static void fields(Params& p, V& v) {
    v("count", p.count);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(1, 1);
    c.input(0, "x", o.in[0].dtype, p.count);
    c.output(0, "y", o.out[0].dtype, p.count);
  }
};

}  // namespace convtape
