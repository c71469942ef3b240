// exp, log, tanh, the logistic function and powers of vectors. The polynomials are those of Moshier's Cephes library (expf, logf). Against
// float64, over every 37th of all floats: at most 1.0 unit in the last place for exp, 0.8 for log, 1.7 for powers between -2 and 1.
#pragma once

#include "cpu/vec.h"

#ifdef CONVTAPE_ISA
namespace convtape::cpu::CONVTAPE_ISA {

// The nearest integer, for |x| < 2^22.
static inline Vec roundSmall(Vec x) {
  constexpr float kMagic = 12582912.0f;  // 1.5 · 2^23: its unit in the last place is 1
  return (x + kMagic) - kMagic;
}

// x · 2^n for |n| ≤ 252, n integral; in two steps, so that results near either end of the range are right.
static inline Vec scaleByPowerOf2(Vec x, VecI n) {
  const VecI half = n >> 1;
  return x * reinterpret_cast<Vec>((half + 127) << 23) * reinterpret_cast<Vec>((n - half + 127) << 23);
}

// e^r for |r| ≤ ln(2)/2
static inline Vec expReduced(Vec r) {
  Vec p = fma(splat(1.9875691500e-4f), r, splat(1.3981999507e-3f));
  p = fma(p, r, splat(8.3334519073e-3f));
  p = fma(p, r, splat(4.1665795894e-2f));
  p = fma(p, r, splat(1.6666665459e-1f));
  p = fma(p, r, splat(5.0000001201e-1f));
  return fma(p, r * r, r) + 1.0f;
}

// e^x: 0 below −104, infinity above 88.73, NaN for NaN.
static inline Vec exp(Vec x) {
  x = x > 89.0f ? splat(89.0f) : x;
  x = x < -105.0f ? splat(-105.0f) : x;
  const Vec n = roundSmall(x * 1.44269504088896341f);
  // x − n·ln 2, ln 2 in two parts: the first has few bits, so its product with n is exact.
  const Vec r = fma(n, splat(2.12194440e-4f), fma(n, splat(-0.693359375f), x));
  return scaleByPowerOf2(expReduced(r), __builtin_convertvector(n, VecI));
}

// 1/(1 + e^−x), written so that e^… never overflows and small results keep their precision.
static inline Vec sigmoid(Vec x) {
  const Vec e = exp(x < 0.0f ? x : -x);
  return (x < 0.0f ? e : splat(1.0f)) / (1.0f + e);
}

// Near 0 a polynomial of Cephes' tanhf, which keeps small values exact; elsewhere 1 − 2/(e^2|x| + 1), with x's sign.
static inline Vec tanh(Vec x) {
  const Vec size = x < 0.0f ? -x : x, s = x * x;
  Vec p = fma(splat(-5.70498872745e-3f), s, splat(2.06390887954e-2f));
  p = fma(p, s, splat(-5.37397155531e-2f));
  p = fma(p, s, splat(1.33314422036e-1f));
  p = fma(p, s, splat(-3.33332819422e-1f));
  const Vec near = fma(p * s, x, x);
  const Vec far = 1.0f - 2.0f / (exp(size + size) + 1.0f);
  return size < 0.625f ? near : (x < 0.0f ? -far : far);
}

// x = m · 2^e with √½ ≤ m < √2, for positive finite x, subnormal ones too.
static inline Vec splitMantissa(Vec x, Vec* e) {
  const VecI tiny = x < 1.17549435e-38f;
  x = tiny ? x * 8388608.0f : x;
  const VecI bits = reinterpret_cast<VecI>(x);
  Vec exponent = __builtin_convertvector((bits >> 23) - 126, Vec) - (tiny ? splat(23.0f) : Vec{});
  Vec m = reinterpret_cast<Vec>((bits & 0x007fffff) | 0x3f000000);  // ½ ≤ m < 1
  const VecI low = m < 0.707106781186547524f;
  *e = low ? exponent - 1.0f : exponent;
  return low ? m + m : m;
}

// What log(1 + f) has beyond f − f²/2, for √½ ≤ 1 + f < √2.
static inline Vec logTail(Vec f) {
  Vec p = fma(splat(7.0376836292e-2f), f, splat(-1.1514610310e-1f));
  p = fma(p, f, splat(1.1676998740e-1f));
  p = fma(p, f, splat(-1.2420140846e-1f));
  p = fma(p, f, splat(1.4249322787e-1f));
  p = fma(p, f, splat(-1.6668057665e-1f));
  p = fma(p, f, splat(2.0000714765e-1f));
  p = fma(p, f, splat(-2.4999993993e-1f));
  p = fma(p, f, splat(3.3333331174e-1f));
  return p * f * (f * f);
}

// The natural logarithm: −infinity for 0, NaN below 0 and for NaN.
static inline Vec log(Vec x) {
  Vec e;
  const Vec f = splitMantissa(x, &e) - 1.0f;
  Vec y = fma(e, splat(-2.12194440e-4f), logTail(f));
  y = fma(splat(-0.5f), f * f, y);
  y = fma(e, splat(0.693359375f), f + y);
  y = x > 0.0f ? y : (x == 0.0f ? splat(-__builtin_inff()) : splat(__builtin_nanf("")));
  return x == __builtin_inff() ? x : y;
}

// x^p for one p and vectors of x ≥ 0. The power of the exponent is split off first, so that the error does not grow with |log x|.
struct Power {
  explicit Power(float p) : p(p) {
    // 12 leading bits: their product with an exponent is exact.
    const float scaled = p * 4097.0f;
    high = scaled - (scaled - p);
    low = p - high;
  }
  Vec operator()(Vec x) const {
    Vec e;
    const Vec f = splitMantissa(x, &e) - 1.0f;
    const Vec whole = e * high;
    const Vec n = roundSmall(whole);
    const Vec fraction = (whole - n) + e * low;
    const Vec logM = f + fma(splat(-0.5f), f * f, logTail(f));
    const Vec rest = exp(fma(splat(p), logM, fraction * 0.693147180559945309f));
    // Beyond ±252 the result is 0 or infinite whatever the rest.
    const Vec clipped = n > 252.0f ? splat(252.0f) : (n < -252.0f ? splat(-252.0f) : n);
    Vec y = scaleByPowerOf2(rest, __builtin_convertvector(clipped, VecI));
    const float atZero = p > 0 ? 0.0f : p < 0 ? __builtin_inff() : 1.0f;
    const float atInfinity = p > 0 ? __builtin_inff() : p < 0 ? 0.0f : 1.0f;
    y = x == 0.0f ? splat(atZero) : y;
    y = x == __builtin_inff() ? splat(atInfinity) : y;
    return x >= 0.0f ? y : splat(__builtin_nanf(""));
  }
  float p, high, low;
};

}  // namespace convtape::cpu::CONVTAPE_ISA
#endif
