// The multinomial logistic loss of logits and class numbers.
#pragma once

#include "core/ops/fields.h"

namespace convtape {

enum class LossReduction : int64_t { Mean, Sum, None };
inline constexpr const char* kLossReductions[] = {"mean", "sum", "none"};

// loss_n = log Σ_c exp(x_nc − m_n) + m_n − x_n,label, summed over n in double, in the order of n. `stats` (rows×2, optional) receives
// m_n and Σ_c exp(x_nc − m_n), from which the gradient makes the probabilities. Refuses a label outside 0 … classes − 1.
struct CrossEntropy {
  static constexpr const char* name = "crossEntropy";
  struct Params {
    int64_t rows, classes;
    LossReduction reduction;
  };
  template <class V>
  static void fields(Params& p, V& v) {
    v("rows", p.rows);
    v("classes", p.classes);
    v.choice("reduction", p.reduction, kLossReductions);
  }
  static int64_t losses(const Params& p) { return p.reduction == LossReduction::None ? p.rows : 1; }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(2, 2);
    c.input(0, "logits", DType::F32, product(name, {p.rows, p.classes}));
    c.input(1, "labels", DType::I32, p.rows);
    c.output(0, "loss", DType::F32, losses(p));
    c.optionalOutput(1, "stats", DType::F32, product(name, {p.rows, 2}));
  }
};

// dlogits = (softmax − onehot(label)) · dy, divided by the number of rows for the mean.
struct CrossEntropyGrad {
  static constexpr const char* name = "crossEntropyGrad";
  struct Params : CrossEntropy::Params {};
  template <class V>
  static void fields(Params& p, V& v) {
    CrossEntropy::fields(p, v);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(4, 1);
    const int64_t count = product(name, {p.rows, p.classes});
    c.input(0, "dy", DType::F32, CrossEntropy::losses(p));
    c.input(1, "logits", DType::F32, count);
    c.input(2, "labels", DType::I32, p.rows);
    c.input(3, "stats", DType::F32, product(name, {p.rows, 2}));
    c.output(0, "dlogits", DType::F32, count);
  }
};

}  // namespace convtape
