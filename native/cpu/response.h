// s^−beta and s^−(beta+1), what both response normalisations divide by.
#pragma once

#include "cpu/math.h"

#ifdef CONVTAPE_ISA
namespace convtape::cpu::CONVTAPE_ISA {

// beta = ¾, the text's: two square roots and a division.
struct ThreeQuarters {
  explicit ThreeQuarters(float) {}
  Vec power(Vec s) const {
    const Vec root = sqrt(s);
    return 1.0f / (root * sqrt(root));
  }
  // Gives s^−beta, and s^−(beta+1) in *next.
  Vec powers(Vec s, Vec* next) const {
    const Vec inverse = 1.0f / s;
    const Vec half = sqrt(inverse);
    const Vec y = half * sqrt(half);
    *next = y * inverse;
    return y;
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
