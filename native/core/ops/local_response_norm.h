// Response normalisation across maps (Krizhevsky, Sutskever, Hinton 2012, section 3.3).
#pragma once

#include "core/ops/fields.h"

namespace convtape {

// y_i = x_i / (k + alpha · Σ x_j²)^beta, j from i − ⌊size/2⌋ to i + ⌊size/2⌋, inside the group of i. x is outer×channels×pixels.
struct LocalResponseNorm {
  static constexpr const char* name = "localResponseNorm";
  struct Params {
    int64_t outer, channels, pixels;
    int64_t size, groups;
    float alpha, beta, k;
  };
  template <class V>
  static void fields(Params& p, V& v) {
    v("outer", p.outer);
    v("channels", p.channels);
    v("pixels", p.pixels);
    v("size", p.size);
    v("groups", p.groups);
    v("alpha", p.alpha);
    v("beta", p.beta);
    v("k", p.k);
  }
  static int64_t checkShape(const Params& p, const OperandChecker& c) {
    c.range("size", p.size, 1, 9007199254740992.0);
    c.range("groups", p.groups, 1, p.channels);
    if (p.channels % p.groups) fail(ErrorKind::Range, name, p.channels, " channels do not divide into ", p.groups, " groups");
    return product(name, {p.outer, p.channels, p.pixels});
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(1, 1);
    const int64_t count = checkShape(p, c);
    c.input(0, "x", DType::F32, count);
    c.output(0, "y", DType::F32, count);
  }
};

// With s_j = k + alpha · Σ x²: dx_i = dy_i s_i^−beta − 2 alpha beta x_i Σ_j dy_j x_j s_j^(−beta−1), j over the same window.
struct LocalResponseNormGrad {
  static constexpr const char* name = "localResponseNormGrad";
  struct Params : LocalResponseNorm::Params {};
  template <class V>
  static void fields(Params& p, V& v) {
    LocalResponseNorm::fields(p, v);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(2, 1);
    const int64_t count = LocalResponseNorm::checkShape(p, c);
    c.input(0, "dy", DType::F32, count);
    c.input(1, "x", DType::F32, count);
    c.output(0, "dx", DType::F32, count);
  }
};

}  // namespace convtape
