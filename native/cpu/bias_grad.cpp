#include "cpu/gemm.h"
#include "cpu/rows.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

// Vectors of dy, taken through relu where that is asked for.
template <bool kRelu>
struct Gradient {
  const float *dy, *y;
  float* dz;

  template <class Lanes>
  Doubles at(int64_t i, Lanes lanes) const {
    Vec d = lanes.load(dy + i);
    if constexpr (kRelu) {
      d = lanes.load(y + i) <= 0.0f ? Vec{} : d;
      lanes.store(dz + i, d);
    }
    return Doubles(d);
  }
};

// Sums in float64, lane by lane; two at a time, as an addition takes a few cycles.
template <bool kRelu>
Doubles sumOf(const Gradient<kRelu>& gradient, int64_t begin, int64_t count) {
  Doubles even = doubles(0), odd = doubles(0);
  int64_t i = begin;
  const int64_t end = begin + count;
  for (; i + 2 * kLanes <= end; i += 2 * kLanes) {
    even = even + gradient.at(i, Whole{});
    odd = odd + gradient.at(i + kLanes, Whole{});
  }
  forVectors(i, end, [&](int64_t j, auto lanes) { even = even + gradient.at(j, lanes); });
  return even + odd;
}

// A part of the batch a task, whose planes lie one behind the other in memory; then the parts' sums in their order. Where there are few
// images or many channels, a channel a task.
template <bool kRelu>
void planes(const BiasGrad::Params& p, const Gradient<kRelu>& gradient, float* dbias, Context& context) {
  constexpr int64_t kParts = 16, kMostChannels = 4096;
  if (p.outer < kParts || p.channels > kMostChannels) {
    parallelRanges(p.channels, 1, [&](int64_t c, int64_t) {
      Doubles sum = doubles(0);
      for (int64_t o = 0; o < p.outer; ++o) sum = sum + sumOf(gradient, (o * p.channels + c) * p.inner, p.inner);
      dbias[c] = static_cast<float>(sumLanes(sum));
    });
    return;
  }
  Doubles* sums = static_cast<Doubles*>(context.scratch(static_cast<size_t>(kParts * p.channels) * sizeof(Doubles)));
  parallelRanges(kParts, 1, [&](int64_t part, int64_t) {
    Doubles* own = sums + part * p.channels;
    const int64_t first = partBegin(p.outer, kParts, part), last = partBegin(p.outer, kParts, part + 1);
    for (int64_t o = first; o < last; ++o)
      for (int64_t c = 0; c < p.channels; ++c) {
        const Doubles sum = sumOf(gradient, (o * p.channels + c) * p.inner, p.inner);
        own[c] = o == first ? sum : own[c] + sum;
      }
  });
  for (int64_t c = 0; c < p.channels; ++c) {
    Doubles sum = sums[c];
    for (int64_t part = 1; part < kParts; ++part) sum = sum + sums[part * p.channels + c];
    dbias[c] = static_cast<float>(sumLanes(sum));
  }
}

// Columns of a matrix: a few vectors of neighbours at once, row by row.
template <bool kRelu>
void columns(const BiasGrad::Params& p, const Gradient<kRelu>& gradient, float* dbias) {
  constexpr int kVectors = 4;
  const int64_t rows = p.inner == 0 ? 0 : p.outer;  // without an element there is no row either
  parallelRanges(p.channels, kVectors * kLanes, [&](int64_t begin, int64_t end) {
    Doubles total[kVectors] = {doubles(0), doubles(0), doubles(0), doubles(0)};
    for (int64_t o = 0; o < rows; ++o)
      forVectors(begin, end, [&](int64_t c, auto lanes) {
        Doubles& sum = total[(c - begin) / kLanes];
        sum = sum + gradient.at(o * p.channels + c, lanes);
      });
    forVectors(begin, end, [&](int64_t c, auto lanes) { lanes.store(dbias + c, total[(c - begin) / kLanes].floats()); });
  });
}

template <bool kRelu>
void biasGrad(const BiasGrad::Params& p, const Operands& o, Context& context) {
  const Gradient<kRelu> gradient = {o.in[0].f32(), o.in[1].f32(), o.out[1].f32()};
  p.inner > 1 ? planes(p, gradient, o.out[0].f32(), context) : columns(p, gradient, o.out[0].f32());
}

}  // namespace

void run(const BiasGrad::Params& p, const Operands& o, Context& context) {
  p.relu ? biasGrad<true>(p, o, context) : biasGrad<false>(p, o, context);
}

}  // namespace convtape::cpu::CONVTAPE_ISA
