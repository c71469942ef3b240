// Dropout's random mask, drawn anew from the seed wherever it is needed: forward and gradient are this one kernel.
#pragma once

#include "core/ops/fields.h"

namespace convtape {

// y = scale · mask · x. Element i is kept where word d % 4 of philox(d / 4, seed) is below ⌊keep · 2³²⌋, and d is its place among the
// draws: d = (i / columns) · pitch + offset + i % columns. A tensor that is a piece of a wider one so draws the mask of the whole.
struct Dropout {
  static constexpr const char* name = "dropout";
  struct Params {
    int64_t count;
    int64_t seed;  // 0 … 2^53
    double keep;   // (0, 1]
    float scale;
    int64_t columns, pitch, offset;
    uint64_t threshold() const { return static_cast<uint64_t>(keep * 0x1p32); }
  };
  template <class V>
  static void fields(Params& p, V& v) {
    v("count", p.count);
    v("seed", p.seed);
    v("keep", p.keep);
    v("scale", p.scale);
    v("columns", p.columns);
    v("pitch", p.pitch);
    v("offset", p.offset);
  }
  static void check(const Params& p, const Operands& o) {
    OperandChecker c(name, o);
    c.arity(1, 1);
    c.range("keep", p.keep, 0, 1);
    c.range("seed", p.seed, 0, 9007199254740992.0);
    c.range("columns", p.columns, 1, 9007199254740992.0);
    c.range("pitch", p.pitch, 0, 9007199254740992.0);
    c.range("offset", p.offset, 0, 9007199254740992.0);
    const int64_t rows = p.count < 1 ? 0 : (p.count - 1) / p.columns + 1;
    product(name, {rows, p.pitch});
    c.input(0, "x", DType::F32, p.count);
    c.output(0, "y", DType::F32, p.count);
  }
};

}  // namespace convtape
