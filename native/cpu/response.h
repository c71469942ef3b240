// s^−beta and s^−(beta+1), what both response normalisations divide by.
#pragma once

#include "cpu/math.h"

#ifdef CONVTAPE_ISA
namespace convtape::cpu::CONVTAPE_ISA {

// beta = ¾, the text's.
struct ThreeQuarters {
  explicit ThreeQuarters(float) {}
#if defined(__AVX512F__)
  // With r, the processor's estimate of s^−½ to 2^−14, and z = s·r², which is nearly 1: s^−¾ is r·√r·z^−¾, and z^−¾ is 1 + ¾(1 − z) to
  // 10^−8. The root is made beside the multiplications, which set the pace.
  Vec power(Vec s) const {
    s = finite(s);
    const Vec r = inverseRoot(s);
    return r * sqrt(r) * fma(s * r * r, splat(-0.75f), splat(1.75f));
  }
  // Gives s^−beta, and s^−(beta+1) in *next: s^−1 is r²/z, and 1/z is 1 + (1 − z) to 10^−8.
  Vec powers(Vec s, Vec* next) const {
    s = finite(s);
    const Vec r = inverseRoot(s), r2 = r * r, z = s * r2;
    const Vec y = r * sqrt(r) * fma(z, splat(-0.75f), splat(1.75f));
    *next = y * (r2 * (splat(2) - z));
    return y;
  }

 private:
  // At infinity z would be NaN. A NaN stays one.
  static Vec finite(Vec s) { return _mm512_maskz_min_ps(0xffff, splat(3.4e38f), s); }
  static Vec inverseRoot(Vec s) { return _mm512_maskz_rsqrt14_ps(0xffff, s); }
#else
  Vec power(Vec s) const {
    const Vec q = fourthRoot(s);
    return q * q * q;
  }
  // Gives s^−beta, and s^−(beta+1) in *next.
  Vec powers(Vec s, Vec* next) const {
    const Vec q = fourthRoot(s), q2 = q * q, y = q2 * q;
    *next = q2 * q2 * y;
    return y;
  }

 private:
  // s^−¼
  static Vec fourthRoot(Vec s) { return sqrt(1.0f / sqrt(s)); }
#endif
};

struct AnyBeta {
  explicit AnyBeta(float beta) : minusBeta(-beta) {}
  Vec power(Vec s) const { return minusBeta(s); }
  Vec powers(Vec s, Vec* next) const {
    const Vec y = minusBeta(s);
    *next = y / s;
    return y;
  }
  Power minusBeta;
};

// body(power) with the cheapest of the two.
template <class Body>
static inline void withBeta(float beta, Body&& body) {
  if (beta == 0.75f)
    body(ThreeQuarters(beta));
  else
    body(AnyBeta(beta));
}

}  // namespace convtape::cpu::CONVTAPE_ISA
#endif
