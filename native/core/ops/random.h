// Random tensors. Element i depends on the seed and on i alone (core/philox.h), so every kind of device draws the same numbers.
#pragma once

#include "core/ops/fields.h"

namespace convtape {

enum class Distribution : int64_t { Normal, Uniform };
inline constexpr const char* kDistributions[] = {"normal", "uniform"};

struct Random {
  static constexpr const char* name = "random";
  struct Params {
    Distribution distribution;
    int64_t count;
    int64_t seed;  // 0 … 2^53
    float a, b;    // normal: mean and standard deviation; uniform: [a, b)
  };
  template <class V>
  static void fields(Params& p, V& v) {
    v.choice("distribution", p.distribution, kDistributions);
    v("count", p.count);
    v("seed", p.seed);
    v("a", p.a);
    v("b", p.b);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(0, 1);
    c.output(0, "y", DType::F32, p.count);
  }
};

}  // namespace convtape
