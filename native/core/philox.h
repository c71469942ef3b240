// Philox 4×32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", 2011): four random words from a
// counter and a key, without state. The same source serves the CPU and CUDA, so both draw the same bits; every floating-point step
// below is an operation whose rounding IEEE 754 fixes (add, multiply, square root, conversion), so they draw the same floats as well.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__CUDACC__)
#define CONVTAPE_HD __host__ __device__ __forceinline__
#else
// static: each instruction set's file keeps its own copy (see CMakeLists.txt)
#define CONVTAPE_HD static inline
#endif

namespace convtape {

struct Philox4 {
  uint32_t v[4];
};

CONVTAPE_HD Philox4 philox(uint64_t counter, uint64_t key, uint32_t stream = 0) {
  uint32_t c0 = static_cast<uint32_t>(counter), c1 = static_cast<uint32_t>(counter >> 32), c2 = stream, c3 = 0;
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * c0, p1 = uint64_t{0xCD9E8D57u} * c2;
    const uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0, n2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c0 = n0;
    c1 = static_cast<uint32_t>(p1);
    c2 = n2;
    c3 = static_cast<uint32_t>(p0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

// [0, 1), 24 bits
CONVTAPE_HD float unitFloat(uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }

// a·b + c, rounded twice. No fused multiply-add: where the processor lacks it, one costs a library call.
CONVTAPE_HD float mulAdd(float a, float b, float c) {
#if defined(__CUDA_ARCH__)
  return __fadd_rn(__fmul_rn(a, b), c);  // nvcc would fuse the plain expression
#else
  return a * b + c;
#endif
}

// Natural logarithm of a positive normal number, within 0.9 units in the last place over (0, 1]. x = m·2^k with m in [√½, √2); with
// f = m − 1, log x = k·ln 2 + f − f²/2 + f³·P(f), P the minimax polynomial of degree 7 (relative error 6e-9). ln 2 is in two parts, the
// first of so few bits that its product with k is exact.
CONVTAPE_HD float logNormal(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  const int32_t k = static_cast<int32_t>(bits - 0x3F3504F3u) >> 23;
  bits -= static_cast<uint32_t>(k) << 23;
  float m;
  memcpy(&m, &bits, sizeof m);
  const float f = m - 1.0f, e = static_cast<float>(k);
  float p = -0x1.38b594p-4f;
  p = mulAdd(p, f, 0x1.055b6ep-3f);
  p = mulAdd(p, f, -0x1.0d8544p-3f);
  p = mulAdd(p, f, 0x1.22da1cp-3f);
  p = mulAdd(p, f, -0x1.547244p-3f);
  p = mulAdd(p, f, 0x1.99a008p-3f);
  p = mulAdd(p, f, -0x1.000226p-2f);
  p = mulAdd(p, f, 0x1.555554p-2f);
  const float tail = mulAdd(f * f, mulAdd(p, f, -0.5f), e * 0x1.0bfbe8p-15f);
  return mulAdd(e, 0x1.62ep-1f, f + tail);
}

// Sine and cosine of 2π·turn/2³², within 2.4 units in the last place. The angle is reduced as an integer, without error, to t in
// [−1, 1] eighths of a turn; then sin(πt/4) = t·(π/4 + t²·S(t²)) and cos(πt/4) = 1 + t²·C(t²), S and C minimax polynomials of degree 2
// and 3 (relative error 4e-9 and 5e-11).
CONVTAPE_HD void sinCosTurn(uint32_t turn, float* sine, float* cosine) {
  const uint32_t quadrant = (turn + 0x20000000u) >> 30;
  const float t = static_cast<float>(static_cast<int32_t>(turn - (quadrant << 30))) * 0x1p-29f, s = t * t;
  float p = -0x1.2dd048p-15f;
  p = mulAdd(p, s, 0x1.466032p-9f);
  p = mulAdd(p, s, -0x1.4abbc0p-4f);
  const float sinT = mulAdd(t, 0x1.921fb6p-1f, t * mulAdd(p, s, -0x1.777a5cp-26f));
  float q = 0x1.d9f7bcp-19f;
  q = mulAdd(q, s, -0x1.55c664p-12f);
  q = mulAdd(q, s, 0x1.03c1dep-6f);
  q = mulAdd(q, s, -0x1.3bd3ccp-2f);
  const float cosT = mulAdd(q, s, 1.0f);
  const float a = quadrant & 1 ? cosT : sinT, b = quadrant & 1 ? sinT : cosT;
  *sine = quadrant & 2 ? -a : a;
  *cosine = (quadrant + 1) & 2 ? -b : b;
}

// Two independent draws of N(0, 1) from two words (Box and Muller, 1958); at most 6.8 in magnitude.
CONVTAPE_HD void normalPair(uint32_t a, uint32_t b, float* first, float* second) {
  const float u = mulAdd(static_cast<float>(a), 0x1p-32f, 0x1p-33f);  // (0, 1]
  const float radius = sqrtf(-2.0f * logNormal(u));
  float sine, cosine;
  sinCosTurn(b, &sine, &cosine);
  *first = radius * cosine;
  *second = radius * sine;
}

}  // namespace convtape
