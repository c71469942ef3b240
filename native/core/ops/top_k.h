// The k largest elements of every row.
#pragma once

#include "core/ops/fields.h"

namespace convtape {

// x (rows, n) -> values (rows, k), indices (rows, k), largest first; equal elements by lower index; NaN counts as larger than all else.
struct TopK {
  static constexpr const char* name = "topK";
  struct Params {
    int64_t rows, n, k;
  };
  template <class V>
  static void fields(Params& p, V& v) {
    v("rows", p.rows);
    v("n", p.n);
    v("k", p.k);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(1, 2);
    c.range("n", static_cast<double>(p.n), 1, 2147483647);
    c.range("k", static_cast<double>(p.k), 1, static_cast<double>(p.n));
    c.input(0, "x", DType::F32, product(name, {p.rows, p.n}));
    c.output(0, "values", DType::F32, product(name, {p.rows, p.k}));
    c.output(1, "indices", DType::I32, product(name, {p.rows, p.k}));
  }
};

// dx (rows, n): dy (rows, k) at `indices` (rows, k), 0 elsewhere. An index outside its row is an error when the kernel runs.
struct TopKGrad {
  static constexpr const char* name = "topKGrad";
  struct Params : TopK::Params {};
  template <class V>
  static void fields(Params& p, V& v) {
    TopK::fields(p, v);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(2, 1);
    c.range("n", static_cast<double>(p.n), 1, 2147483647);
    c.range("k", static_cast<double>(p.k), 1, static_cast<double>(p.n));
    c.input(0, "dy", DType::F32, product(name, {p.rows, p.k}));
    c.input(1, "indices", DType::I32, product(name, {p.rows, p.k}));
    c.output(0, "dx", DType::F32, product(name, {p.rows, p.n}));
  }
};

}  // namespace convtape
