// Every element the same value.
#pragma once

#include "core/ops/fields.h"

namespace convtape {

struct Fill {
  static constexpr const char* name = "fill";
  struct Params {
    int64_t count;
    double value;  // converted to the output's element type
  };
  template <class V>
  static void fields(Params& p, V& v) {
    v("count", p.count);
    v("value", p.value);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(0, 1);
    c.output(0, "y", o.out[0].dtype, p.count);
  }
};

}  // namespace convtape
