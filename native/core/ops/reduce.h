// Sum, mean and maximum over some axes.
#pragma once

#include "core/ops/fields.h"

namespace convtape {

enum class Reduction : int64_t { Sum, Mean, Max };
inline constexpr const char* kReductions[] = {"sum", "mean", "max"};

// y[i] = f over j of x[i·strides + j·reducedStrides], i over `shape` (the axes that stay, in row-major order), j over `reduced`.
struct Reduce {
  static constexpr const char* name = "reduce";
  struct Params {
    Reduction function;
    Dims shape, strides, reduced, reducedStrides;
  };
  template <class V>
  static void fields(Params& p, V& v) {
    v.choice("function", p.function, kReductions);
    axes(p, v);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(1, 1);
    input(c, 0, "x", p);
    c.output(0, "y", DType::F32, product(name, p.shape));
  }

  template <class P, class V>
  static void axes(P& p, V& v) {
    v("shape", p.shape);
    v("strides", p.strides);
    v("reduced", p.reduced);
    v("reducedStrides", p.reducedStrides);
  }
  template <class P>
  static void input(const OperandChecker& c, int i, const char* operand, const P& p) {
    if (p.strides.rank != p.shape.rank || p.reducedStrides.rank != p.reduced.rank || p.shape.rank + p.reduced.rank > kMaxRank)
      fail(ErrorKind::Range, name, "shape, strides, reduced and reducedStrides do not fit together");
    Dims all = p.shape, strides = p.strides;
    for (int d = 0; d < p.reduced.rank; ++d) {
      all.d[all.rank++] = p.reduced[d];
      strides.d[strides.rank++] = p.reducedStrides[d];
    }
    const int64_t terms = product(name, all);
    if (terms == 0) fail(ErrorKind::Range, name, "nothing to reduce");
    c.strided(i, operand, DType::F32, all, strides);
    c.input(i, operand, DType::F32, terms);  // each once: more terms than elements could keep the device busy for years
  }
};

// dx of a maximum: dy shared evenly by the elements that equal it. x and dx are walked alike and must be covered exactly once.
struct MaxGrad {
  static constexpr const char* name = "maxGrad";
  struct Params {
    Dims shape, strides, reduced, reducedStrides;
  };
  template <class V>
  static void fields(Params& p, V& v) {
    Reduce::axes(p, v);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(3, 1);
    const int64_t count = product(name, p.shape);
    c.input(0, "dy", DType::F32, count);
    Reduce::input(c, 1, "x", p);
    c.input(2, "y", DType::F32, count);
    c.output(0, "dx", DType::F32, o.in[1].count);
  }
};

}  // namespace convtape
