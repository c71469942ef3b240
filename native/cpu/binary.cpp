#include "cpu/elements.h"
#include "cpu/strided.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

// The five functions, of numbers and of vectors of them. `maximum` is NaN where either is.
struct Add {
  template <class T>
  T operator()(T a, T b) const {
    return a + b;
  }
};
struct Sub {
  template <class T>
  T operator()(T a, T b) const {
    return a - b;
  }
};
struct Mul {
  template <class T>
  T operator()(T a, T b) const {
    return a * b;
  }
};
struct Div {
  template <class T>
  T operator()(T a, T b) const {
    return a / b;
  }
};
struct Maximum {
  template <class T>
  T operator()(T a, T b) const {
    return (a > b) | (a != a) ? a : b;
  }
};

// Their partial derivatives. A tie of `maximum` gives each side half; where one side is NaN both take the whole, so that it shows.
struct DivB {
  float operator()(float dy, float a, float b) const { return -dy * ((a / b) / b); }
};
struct MaximumA {
  float operator()(float dy, float a, float b) const { return a < b ? 0 : a == b ? dy * 0.5f : dy; }
};
struct MaximumB {
  float operator()(float dy, float a, float b) const { return a > b ? 0 : a == b ? dy * 0.5f : dy; }
};

// Vectors for the strides that occur, 1 and 0.
template <bool kStream, class F>
void row(F f, float* y, const float* a, int64_t sa, const float* b, int64_t sb, int64_t n) {
  if (sa == 1 && sb == 1) {
    forOutputs<kStream>(y, 0, n, [&](int64_t i, auto lanes) { lanes.store(y + i, f(lanes.load(a + i), lanes.load(b + i))); });
  } else if (sa == 1 && sb == 0) {
    const Vec b0 = splat(*b);
    forOutputs<kStream>(y, 0, n, [&](int64_t i, auto lanes) { lanes.store(y + i, f(lanes.load(a + i), b0)); });
  } else if (sa == 0 && sb == 1) {
    const Vec a0 = splat(*a);
    forOutputs<kStream>(y, 0, n, [&](int64_t i, auto lanes) { lanes.store(y + i, f(a0, lanes.load(b + i))); });
  } else {
    for (int64_t i = 0; i < n; ++i) y[i] = f(a[i * sa], b[i * sb]);
  }
}

// Rows shorter than this are not streamed: their ends are not.
constexpr int64_t kShortRow = 1024;

template <class F>
void binary(F f, const Binary::Params& p, const Operands& o) {
  const Walk<2> w = makeWalk<2>(p.shape, {p.aStrides, p.bStrides});
  const float *a = o.in[0].f32(), *b = o.in[1].f32();
  float* y = o.out[0].f32();
  const int64_t sa = w.innerStride(0), sb = w.innerStride(1);
  forPieces(w.count(), [&](int64_t begin, int64_t end, auto streams) {
    forRows(w, begin, end, [&](int64_t i, const int64_t* at, int64_t n) {
      if (streams && n >= kShortRow) return row<streams>(f, y + i, a + at[0], sa, b + at[1], sb, n);
      row<false>(f, y + i, a + at[0], sa, b + at[1], sb, n);
    });
  });
}

template <class F>
void binaryGrad(F f, const BinaryGrad::Params& p, const Operands& o) {
  const Walk<2> w = makeWalk<2>(p.shape, {p.aStrides, p.bStrides});
  const float *dy = o.in[0].f32(), *a = o.in[1].f32(), *b = o.in[2].f32();
  float* d = o.out[0].f32();
  const int64_t sa = w.innerStride(0), sb = w.innerStride(1);
  parallelRanges(w.count(), kElementGrain, [&](int64_t begin, int64_t end) {
    forRows(w, begin, end, [&](int64_t i, const int64_t* at, int64_t n) {
      for (int64_t j = 0; j < n; ++j) d[i + j] = f(dy[i + j], a[at[0] + j * sa], b[at[1] + j * sb]);
    });
  });
}

}  // namespace

void run(const Binary::Params& p, const Operands& o, Context&) {
  switch (p.function) {
    case BinaryFunction::Add:
      return binary(Add{}, p, o);
    case BinaryFunction::Sub:
      return binary(Sub{}, p, o);
    case BinaryFunction::Mul:
      return binary(Mul{}, p, o);
    case BinaryFunction::Div:
      return binary(Div{}, p, o);
    case BinaryFunction::Maximum:
      return binary(Maximum{}, p, o);
  }
}

void run(const BinaryGrad::Params& p, const Operands& o, Context&) {
  switch (p.partial) {
    case BinaryPartial::DivB:
      return binaryGrad(DivB{}, p, o);
    case BinaryPartial::MaximumA:
      return binaryGrad(MaximumA{}, p, o);
    case BinaryPartial::MaximumB:
      return binaryGrad(MaximumB{}, p, o);
  }
}

}  // namespace convtape::cpu::CONVTAPE_ISA
