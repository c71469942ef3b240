// Elementwise functions of two tensors with broadcasting.
#pragma once

#include "core/ops/fields.h"

namespace convtape {

enum class BinaryFunction : int64_t { Add, Sub, Mul, Div, Maximum };
inline constexpr const char* kBinaryFunctions[] = {"add", "sub", "mul", "div", "maximum"};

// y = f(a, b) over `shape`; a and b are walked with element strides that are 0 along a broadcast axis.
struct Binary {
  static constexpr const char* name = "binary";
  struct Params {
    BinaryFunction function;
    Dims shape, aStrides, bStrides;
  };
  template <class V>
  static void fields(Params& p, V& v) {
    v.choice("function", p.function, kBinaryFunctions);
    v("shape", p.shape);
    v("aStrides", p.aStrides);
    v("bStrides", p.bStrides);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(2, 1);
    c.strided(0, "a", DType::F32, p.shape, p.aStrides);
    c.strided(1, "b", DType::F32, p.shape, p.bStrides);
    c.output(0, "y", DType::F32, product(name, p.shape));
  }
};

enum class BinaryPartial : int64_t { DivB, MaximumA, MaximumB };
inline constexpr const char* kBinaryPartials[] = {"divB", "maximumA", "maximumB"};

// dy · ∂f/∂a or dy · ∂f/∂b over the whole of `shape`, where that is not itself one of the functions above; what an operand was
// broadcast along is summed afterwards.
struct BinaryGrad {
  static constexpr const char* name = "binaryGrad";
  struct Params {
    BinaryPartial partial;
    Dims shape, aStrides, bStrides;
  };
  template <class V>
  static void fields(Params& p, V& v) {
    v.choice("partial", p.partial, kBinaryPartials);
    v("shape", p.shape);
    v("aStrides", p.aStrides);
    v("bStrides", p.bStrides);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    const int64_t count = product(name, p.shape);
    c.arity(3, 1);
    c.input(0, "dy", DType::F32, count);
    c.strided(1, "a", DType::F32, p.shape, p.aStrides);
    c.strided(2, "b", DType::F32, p.shape, p.bStrides);
    c.output(0, "d", DType::F32, count);
  }
};

}  // namespace convtape
