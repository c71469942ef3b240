// Stochastic gradient descent's update (Krizhevsky, Sutskever, Hinton 2012, section 5), in place.
#pragma once

#include "core/ops/fields.h"

namespace convtape {

// v ← momentum · v − weightDecay · lr · w − lr · g;  w ← w + v
struct Sgd {
  static constexpr const char* name = "sgd";
  static constexpr bool inPlace = true;
  struct Params {
    int64_t count;
    double lr, momentum, weightDecay;
  };
  template <class V>
  static void fields(Params& p, V& v) {
    v("count", p.count);
    v("lr", p.lr);
    v("momentum", p.momentum);
    v("weightDecay", p.weightDecay);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(1, 2);
    c.input(0, "gradient", DType::F32, p.count);
    c.output(0, "weight", DType::F32, p.count);
    c.output(1, "velocity", DType::F32, p.count);
  }
};

}  // namespace convtape
