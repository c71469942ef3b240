#include "cpu/kernels.h"
#include "cpu/rows.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

// Elements that make one task.
constexpr int64_t kGrain = 1 << 14;

// body(first row, last row + 1) over the rows of outer×axis, in tasks.
template <class Body>
void forRows(const Softmax::Params& p, Body&& body) {
  const int64_t rows = kGrain / p.axis;
  parallelRanges(p.outer, rows ? rows : 1, body);
}

// body(offset of the first element, lanes) over vectors of neighbours along `inner`, each with its own axis.
template <class Body>
void forColumns(const Softmax::Params& p, Body&& body) {
  const int64_t vectors = (p.inner + kLanes - 1) / kLanes;
  const int64_t grain = kGrain / (p.axis * kLanes);
  parallelRanges(p.outer * vectors, grain ? grain : 1, [&](int64_t begin, int64_t end) {
    for (int64_t v = begin; v < end; ++v) {
      const int64_t at = v % vectors * kLanes, offset = v / vectors * p.axis * p.inner + at;
      if (p.inner - at >= kLanes)
        body(offset, Whole{});
      else
        body(offset, Part{static_cast<int>(p.inner - at)});
    }
  });
}

}  // namespace

void run(const Softmax::Params& p, const Operands& o, Context&) {
  if (p.outer * p.axis * p.inner == 0) return;
  const float* x = o.in[0].f32();
  float* y = o.out[0].f32();
  if (p.inner == 1) {
    forRows(p, [&](int64_t first, int64_t last) {
      for (int64_t r = first; r < last; ++r) {
        const float* from = x + r * p.axis;
        float* to = y + r * p.axis;
        const float m = largestOf(from, p.axis);
        const double sum = sumOfExp(from, p.axis, m, [&](int64_t i, auto lanes, Vec e) {
          if (!p.log) lanes.store(to + i, e);
        });
        const Vec total = splat(static_cast<float>(sum));
        const float logTotal = p.log ? log(total)[0] : 0;
        forVectors(0, p.axis, [&](int64_t i, auto lanes) {
          lanes.store(to + i, p.log ? (lanes.load(from + i) - m) - logTotal : lanes.load(to + i) / total);
        });
      }
    });
    return;
  }
  forColumns(p, [&](int64_t offset, auto lanes) {
    const float* from = x + offset;
    float* to = y + offset;
    Vec m = lanes.load(from);
    for (int64_t c = 1; c < p.axis; ++c) m = max(lanes.load(from + c * p.inner), m);
    Doubles sum = doubles(0);
    for (int64_t c = 0; c < p.axis; ++c) {
      const Vec e = exp(lanes.load(from + c * p.inner) - m);
      if (!p.log) lanes.store(to + c * p.inner, e);
      sum = sum + Doubles(e);
    }
    const Vec total = sum.floats(), logTotal = log(total);
    for (int64_t c = 0; c < p.axis; ++c)
      lanes.store(to + c * p.inner, p.log ? (lanes.load(from + c * p.inner) - m) - logTotal : lanes.load(to + c * p.inner) / total);
  });
}

// softmax: dx = y (dy·Σy − Σ dy·y). Σy is 1 but for rounding; with it, what the rounding of a y near 1 does to the second sum goes away
// where the two are subtracted, which is why that happens in float64.
void run(const SoftmaxGrad::Params& p, const Operands& o, Context&) {
  if (p.outer * p.axis * p.inner == 0) return;
  const float *dy = o.in[0].f32(), *y = o.in[1].f32();
  float* dx = o.out[0].f32();
  if (p.inner == 1) {
    forRows(p, [&](int64_t first, int64_t last) {
      for (int64_t r = first; r < last; ++r) {
        const int64_t begin = r * p.axis, end = begin + p.axis;
        Doubles sum = doubles(0), products = doubles(0);
        forVectors(begin, end, [&](int64_t i, auto lanes) {
          const Vec d = lanes.load(dy + i), v = lanes.load(y + i);
          sum = sum + Doubles(p.log ? d : v);
          if (!p.log) products = products + Doubles(d) * Doubles(v);
        });
        const Doubles s = doubles(sumLanes(sum)), t = doubles(sumLanes(products));
        const Vec total = s.floats();
        forVectors(begin, end, [&](int64_t i, auto lanes) {
          const Vec d = lanes.load(dy + i), v = lanes.load(y + i);
          lanes.store(dx + i, p.log ? d - exp(v) * total : v * (Doubles(d) * s - t).floats());
        });
      }
    });
    return;
  }
  forColumns(p, [&](int64_t offset, auto lanes) {
    Doubles sum = doubles(0), products = doubles(0);
    for (int64_t c = 0; c < p.axis; ++c) {
      const Vec d = lanes.load(dy + offset + c * p.inner), v = lanes.load(y + offset + c * p.inner);
      sum = sum + Doubles(p.log ? d : v);
      if (!p.log) products = products + Doubles(d) * Doubles(v);
    }
    const Vec total = sum.floats();
    for (int64_t c = 0; c < p.axis; ++c) {
      const int64_t i = offset + c * p.inner;
      const Vec d = lanes.load(dy + i), v = lanes.load(y + i);
      lanes.store(dx + i, p.log ? d - exp(v) * total : v * (Doubles(d) * sum - products).floats());
    }
  });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
