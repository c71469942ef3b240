// Softmax and its logarithm along one axis of outer×axis×inner.
#pragma once

#include "core/ops/fields.h"

namespace convtape {

// y = exp(x − m) / Σ exp(x − m), or (x − m) − log Σ exp(x − m) where `log` is set; m is the largest x along the axis.
struct Softmax {
  static constexpr const char* name = "softmax";
  struct Params {
    int64_t outer, axis, inner;
    bool log;
  };
  template <class V>
  static void fields(Params& p, V& v) {
    v("outer", p.outer);
    v("axis", p.axis);
    v("inner", p.inner);
    v("log", p.log);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(1, 1);
    const int64_t count = product(name, {p.outer, p.axis, p.inner});
    c.input(0, "x", DType::F32, count);
    c.output(0, "y", DType::F32, count);
  }
};

// dx = y (dy − Σ dy y); of the logarithm: dx = dy − exp(y) Σ dy.
struct SoftmaxGrad {
  static constexpr const char* name = "softmaxGrad";
  struct Params : Softmax::Params {};
  template <class V>
  static void fields(Params& p, V& v) {
    Softmax::fields(p, v);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(2, 1);
    const int64_t count = product(name, {p.outer, p.axis, p.inner});
    c.input(0, "dy", DType::F32, count);
    c.input(1, "y", DType::F32, count);
    c.output(0, "dx", DType::F32, count);
  }
};

}  // namespace convtape
