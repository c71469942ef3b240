// Sums and exponentials of rows, as softmax and the loss need them. Sums are taken in float64, lane by lane: the order is fixed.
#pragma once

#include "cpu/math.h"

#ifdef CONVTAPE_ISA
namespace convtape::cpu::CONVTAPE_ISA {

typedef float VecHalf __attribute__((vector_size(2 * kLanes)));
typedef double VecD __attribute__((vector_size(4 * kLanes)));

// The two halves of a float vector as float64, and back.
struct Doubles {
  explicit Doubles(Vec v) {
    VecHalf half[2];
    __builtin_memcpy(half, &v, sizeof v);
    low = __builtin_convertvector(half[0], VecD);
    high = __builtin_convertvector(half[1], VecD);
  }
  Doubles(VecD low, VecD high) : low(low), high(high) {}
  Vec floats() const {
    const VecHalf half[2] = {__builtin_convertvector(low, VecHalf), __builtin_convertvector(high, VecHalf)};
    Vec v;
    __builtin_memcpy(&v, half, sizeof v);
    return v;
  }
  VecD low, high;
};
static inline Doubles operator+(Doubles a, Doubles b) { return {a.low + b.low, a.high + b.high}; }
static inline Doubles operator-(Doubles a, Doubles b) { return {a.low - b.low, a.high - b.high}; }
static inline Doubles operator*(Doubles a, Doubles b) { return {a.low * b.low, a.high * b.high}; }
static inline Doubles doubles(double x) { return {x - VecD{}, x - VecD{}}; }

static inline double sumLanes(Doubles v) {
  const VecD both = v.low + v.high;
  double lane[kLanes / 2];
  __builtin_memcpy(lane, &both, sizeof both);
  for (int n = kLanes / 4; n > 0; n /= 2)
    for (int i = 0; i < n; ++i) lane[i] += lane[i + n];
  return lane[0];
}

// The largest of n numbers; NaN does not count.
static inline float largestOf(const float* x, int64_t n) {
  const Vec least = splat(-__builtin_inff());
  Vec m = least;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) m = max(load(x + i), m);
  float rest = maxLanes(m);
  for (; i < n; ++i) rest = x[i] > rest ? x[i] : rest;
  return rest;
}

// Σ exp(x − m) over n numbers; visit(i, lanes, exp(x − m)) sees each vector.
template <class Visit>
static inline double sumOfExp(const float* x, int64_t n, float m, Visit&& visit) {
  Doubles sum = doubles(0);
  forVectors(0, n, [&](int64_t i, auto lanes) {
    Vec e = exp(lanes.load(x + i) - m);
    visit(i, lanes, e);
    if (lanes.n < kLanes) e = firstLanes(e, lanes.n);
    sum = sum + Doubles(e);
  });
  return sumLanes(sum);
}

}  // namespace convtape::cpu::CONVTAPE_ISA
#endif
