// Response normalisation over a neighbourhood in the same map (the `rnorm` layers of the 2012 code).
#pragma once

#include "core/ops/fields.h"

namespace convtape {

// y = x / (k + alpha · Σ x²)^beta over the size×size window whose first row and column are ⌊size/2⌋ before the element's, cut off at
// the map's edges. x is planes×height×width.
struct SpatialResponseNorm {
  static constexpr const char* name = "spatialResponseNorm";
  struct Params {
    int64_t planes, height, width;
    int64_t size;
    float alpha, beta, k;
  };
  template <class V>
  static void fields(Params& p, V& v) {
    v("planes", p.planes);
    v("height", p.height);
    v("width", p.width);
    v("size", p.size);
    v("alpha", p.alpha);
    v("beta", p.beta);
    v("k", p.k);
  }
  static int64_t checkShape(const Params& p, const OperandChecker& c) {
    c.range("size", p.size, 1, 9007199254740992.0);
    return product(name, {p.planes, p.height, p.width});
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(1, 1);
    const int64_t count = checkShape(p, c);
    c.input(0, "x", DType::F32, count);
    c.output(0, "y", DType::F32, count);
  }
};

// As LocalResponseNormGrad, the sum going over the elements whose window holds this one.
struct SpatialResponseNormGrad {
  static constexpr const char* name = "spatialResponseNormGrad";
  struct Params : SpatialResponseNorm::Params {};
  template <class V>
  static void fields(Params& p, V& v) {
    SpatialResponseNorm::fields(p, v);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(2, 1);
    const int64_t count = SpatialResponseNorm::checkShape(p, c);
    c.input(0, "dy", DType::F32, count);
    c.input(1, "x", DType::F32, count);
    c.output(0, "dx", DType::F32, count);
  }
};

}  // namespace convtape
