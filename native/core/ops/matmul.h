// y = op(a) · op(b) (+ bias) (then ReLU), op being the transpose where asked for; `batch` such products, one behind the other. b may be
// bf16 where it alone is transposed, as a layer's weights are; products and sums are float32.
#pragma once

#include "core/ops/fields.h"

namespace convtape {

struct Matmul {
  static constexpr const char* name = "matmul";
  struct Params {
    int64_t batch, m, n, k;
    bool transposeA;  // a is k×m instead of m×k
    bool transposeB;  // b is n×k instead of k×n
    bool relu;
  };
  template <class V>
  static void fields(Params& p, V& v) {
    v("batch", p.batch);
    v("m", p.m);
    v("n", p.n);
    v("k", p.k);
    v("transposeA", p.transposeA);
    v("transposeB", p.transposeB);
    v("relu", p.relu);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(3, 1);
    c.input(0, "a", DType::F32, product(name, {p.batch, p.m, p.k}));
    const bool half = p.transposeB && !p.transposeA && o.in[1].dtype == DType::BF16;
    c.input(1, "b", half ? DType::BF16 : DType::F32, product(name, {p.batch, p.k, p.n}));
    c.optionalInput(2, "bias", DType::F32, p.n);
    c.output(0, "y", DType::F32, product(name, {p.batch, p.m, p.n}));
  }
};

}  // namespace convtape
