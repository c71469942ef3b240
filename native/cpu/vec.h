// Vectors of floats as wide as the instruction set has them. GCC's vector extensions carry the arithmetic (+ - * / < ?: work on whole
// vectors), so a kernel is written once; what they lack is here.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#ifdef CONVTAPE_ISA
namespace convtape::cpu::CONVTAPE_ISA {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float Vec __attribute__((vector_size(4 * kLanes)));
typedef int32_t VecI __attribute__((vector_size(4 * kLanes)));  // also what comparisons of Vec give: −1 where true
typedef float VecAnywhere __attribute__((vector_size(4 * kLanes), aligned(4), may_alias));
typedef int32_t VecIAnywhere __attribute__((vector_size(4 * kLanes), aligned(4), may_alias));

static inline Vec load(const float* p) { return *reinterpret_cast<const VecAnywhere*>(p); }
static inline void store(float* p, Vec v) { *reinterpret_cast<VecAnywhere*>(p) = v; }
static inline VecI loadInt(const int32_t* p) { return *reinterpret_cast<const VecIAnywhere*>(p); }
static inline void storeInt(int32_t* p, VecI v) { *reinterpret_cast<VecIAnywhere*>(p) = v; }

static inline Vec splat(float x) { return x - Vec{}; }
static inline VecI splatInt(int32_t x) { return x - VecI{}; }

// The first n lanes, 0 ≤ n ≤ kLanes; the others are zero and their memory is not touched.
#if defined(__AVX2__) && !defined(__AVX512F__)
static inline __m256i maskOf(int n) { return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)); }
#endif
static inline Vec loadFirst(const float* p, int n) {
#if defined(__AVX512F__)
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), p);
#elif defined(__AVX2__)
  return _mm256_maskload_ps(p, maskOf(n));
#else
  Vec v{};
  for (int i = 0; i < n; ++i) v[i] = p[i];
  return v;
#endif
}
static inline void storeFirst(float* p, Vec v, int n) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1), v);
#elif defined(__AVX2__)
  _mm256_maskstore_ps(p, maskOf(n), v);
#else
  for (int i = 0; i < n; ++i) p[i] = v[i];
#endif
}

// How a loop over a row reaches memory: whole vectors, then one that may be shorter.
struct Whole {
  static constexpr int n = kLanes;
  Vec load(const float* p) const { return convtape::cpu::CONVTAPE_ISA::load(p); }
  void store(float* p, Vec v) const { convtape::cpu::CONVTAPE_ISA::store(p, v); }
};
struct Part {
  int n;
  Vec load(const float* p) const { return loadFirst(p, n); }
  void store(float* p, Vec v) const { storeFirst(p, v, n); }
};

// body(i, lanes) for i from begin to end in steps of a vector, `lanes` being a Whole or, at the end, a Part.
template <class Body>
static inline void forVectors(int64_t begin, int64_t end, Body&& body) {
  int64_t i = begin;
  for (; i + kLanes <= end; i += kLanes) body(i, Whole{});
  if (i < end) body(i, Part{static_cast<int>(end - i)});
}

// a·b + c, rounded once where the instruction set has that.
static inline Vec fma(Vec a, Vec b, Vec c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, c);
#elif defined(__FMA__)
  return _mm256_fmadd_ps(a, b, c);
#else
  return a * b + c;
#endif
}

static inline Vec sqrt(Vec x) {
#if defined(__AVX512F__)
  return _mm512_maskz_sqrt_ps(0xffff, x);  // the unmasked form warns in GCC 12
#elif defined(__AVX2__)
  return _mm256_sqrt_ps(x);
#elif defined(__SSE__)
  return _mm_sqrt_ps(x);
#else
  for (int i = 0; i < kLanes; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
#endif
}

static inline Vec max(Vec a, Vec b) { return a > b ? a : b; }  // b where either is NaN

// Sum and largest of the lanes, halving the vector: a fixed tree.
static inline float sumLanes(Vec v) {
  float lane[kLanes];
  store(lane, v);
  for (int n = kLanes / 2; n > 0; n /= 2)
    for (int i = 0; i < n; ++i) lane[i] += lane[i + n];
  return lane[0];
}
static inline float maxLanes(Vec v) {
  float lane[kLanes];
  store(lane, v);
  for (int n = kLanes / 2; n > 0; n /= 2)
    for (int i = 0; i < n; ++i) lane[i] = lane[i] > lane[i + n] ? lane[i] : lane[i + n];
  return lane[0];
}

}  // namespace convtape::cpu::CONVTAPE_ISA
#endif
