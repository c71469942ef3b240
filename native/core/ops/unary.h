// Elementwise functions of one tensor, and their gradients.
#pragma once

#include "core/ops/fields.h"

namespace convtape {

enum class UnaryFunction : int64_t { Relu, Tanh, Sigmoid, Neg, Exp, Log, Sqrt, Square, Abs };
inline constexpr const char* kUnaryFunctions[] = {"relu", "tanh", "sigmoid", "neg", "exp", "log", "sqrt", "square", "abs"};

// y = f(x)
struct Unary {
  static constexpr const char* name = "unary";
  struct Params {
    UnaryFunction function;
    int64_t count;
  };
  template <class V>
  static void fields(Params& p, V& v) {
    v.choice("function", p.function, kUnaryFunctions);
    v("count", p.count);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(1, 1);
    c.input(0, "x", DType::F32, p.count);
    c.output(0, "y", DType::F32, p.count);
  }
};

// dx = dy · f'(x), where `saved` is y for relu, tanh, sigmoid, exp and sqrt (their derivative is simplest in y) and x for the others.
struct UnaryGrad {
  static constexpr const char* name = "unaryGrad";
  struct Params : Unary::Params {};
  template <class V>
  static void fields(Params& p, V& v) {
    Unary::fields(p, v);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(2, 1);
    c.input(0, "dy", DType::F32, p.count);
    c.input(1, "saved", DType::F32, p.count);
    c.output(0, "dx", DType::F32, p.count);
  }
};

}  // namespace convtape
