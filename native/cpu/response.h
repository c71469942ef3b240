// s^−beta and s^−(beta+1), what both response normalisations divide by.
#pragma once

#include "cpu/math.h"

#ifdef CONVTAPE_ISA
namespace convtape::cpu::CONVTAPE_ISA {

// beta = ¾, the text's.
struct ThreeQuarters {
  explicit ThreeQuarters(float) {}
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
  static Vec fourthRoot(Vec s) {
#if defined(__AVX512F__)
    // The processor's estimates (relative error below 2^−14 each), then one step of Newton's method for q^−4 = s, which squares it.
    s = _mm512_maskz_min_ps(0xffff, splat(3.4e38f), s);  // at infinity the estimates' product would be NaN
    const Vec r = _mm512_maskz_rsqrt14_ps(0xffff, s);
    const Vec q = r * _mm512_maskz_rsqrt14_ps(0xffff, r), q2 = q * q;
    return fma(q, fma(s * q2, -0.25f * q2, splat(0.25f)), q);
#else
    return sqrt(1.0f / sqrt(s));
#endif
  }
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
