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
  // Not _mm256_maskstore_ps: up to Zen 3 that is a program of some forty operations.
  if (n >= kLanes) return store(p, v);
  __m128 part = _mm256_castps256_ps128(v);
  if (n & 4) {
    _mm_storeu_ps(p, part);
    part = _mm256_extractf128_ps(v, 1);
    p += 4;
  }
  if (n & 2) {
    _mm_storel_pi(reinterpret_cast<__m64*>(p), part);
    part = _mm_movehl_ps(part, part);
    p += 2;
  }
  if (n & 1) _mm_store_ss(p, part);
#else
  for (int i = 0; i < n; ++i) p[i] = v[i];
#endif
}

// Writes past the caches: for outputs too large to be found there later. `p` is aligned to a vector.
static inline void stream(float* p, Vec v) {
#if defined(__AVX512F__)
  _mm512_stream_ps(p, v);
#elif defined(__AVX2__)
  _mm256_stream_ps(p, v);
#elif defined(__SSE__)
  _mm_stream_ps(p, v);
#else
  store(p, v);
#endif
}
// Ends a task that streamed: other threads see what it wrote.
static inline void streamFence() {
#if defined(__SSE__)
  _mm_sfence();
#endif
}
// Outputs of this many bytes are streamed; smaller ones may still be in a cache when the next kernel reads them.
constexpr int64_t kStreamBytes = 16 << 20;
static inline bool isLarge(int64_t floats) { return floats * static_cast<int64_t>(sizeof(float)) >= kStreamBytes; }

// How a loop over a row reaches memory: whole vectors, streamed ones, and one at an end that may be shorter.
struct Whole {
  static constexpr int n = kLanes;
  Vec load(const float* p) const { return convtape::cpu::CONVTAPE_ISA::load(p); }
  void store(float* p, Vec v) const { convtape::cpu::CONVTAPE_ISA::store(p, v); }
};
struct Streamed {
  static constexpr int n = kLanes;
  Vec load(const float* p) const { return convtape::cpu::CONVTAPE_ISA::load(p); }
  void store(float* p, Vec v) const { stream(p, v); }
};
// Of what is read from its start to its end the processor fetches ahead by itself, but not beyond the page it is in: it is asked this
// many floats early. (Further ahead, several inputs are slower; see the lab.)
constexpr int64_t kAhead = 384;
// Streamed, and what is read asked for early.
struct StreamedAhead : Streamed {
  Vec load(const float* p) const {
    __builtin_prefetch(p + kAhead);
    return Streamed::load(p);
  }
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

// Floats of a line of the caches: a line that is streamed must be streamed whole, or the caches give it up and fetch it again.
constexpr int64_t kLine = 16;
static inline int64_t pastLine(const float* p) { return static_cast<int64_t>(reinterpret_cast<uintptr_t>(p) / sizeof(float)) % kLine; }

// The same for a loop whose only store goes to out + i, and that streams the lines that are wholly its own.
template <class Lanes = Streamed, class Body>
static inline void forStreamed(const float* out, int64_t begin, int64_t end, Body&& body) {
  const int64_t past = pastLine(out + begin), first = past ? begin + kLine - past : begin;
  if (first + kLine > end) return forVectors(begin, end, body);
  forVectors(begin, first, body);
  const int64_t last = end - (end - first) % kLine;
  for (int64_t i = first; i < last; i += kLanes) body(i, Lanes{});
  forVectors(last, end, body);
}

// Either of the two.
template <bool kStream, class Body>
static inline void forOutputs(const float* out, int64_t begin, int64_t end, Body&& body) {
  if constexpr (kStream)
    forStreamed<StreamedAhead>(out, begin, end, body);
  else
    forVectors(begin, end, body);
}

// A number that a generic lambda may use where a template argument is wanted.
template <auto kValue>
struct Constant {
  constexpr operator decltype(kValue)() const { return kValue; }
};

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

// The even and the odd elements of the 2·kLanes in a, b; and back.
#if defined(__AVX512F__)
#define CONVTAPE_LANES(f) f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7), f(8), f(9), f(10), f(11), f(12), f(13), f(14), f(15)
#elif defined(__AVX2__)
#define CONVTAPE_LANES(f) f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7)
#else
#define CONVTAPE_LANES(f) f(0), f(1), f(2), f(3)
#endif
static inline void deinterleave(Vec a, Vec b, Vec* even, Vec* odd) {
#define CONVTAPE_EVEN(i) 2 * (i)
#define CONVTAPE_ODD(i) 2 * (i) + 1
  *even = __builtin_shuffle(a, b, VecI{CONVTAPE_LANES(CONVTAPE_EVEN)});
  *odd = __builtin_shuffle(a, b, VecI{CONVTAPE_LANES(CONVTAPE_ODD)});
#undef CONVTAPE_EVEN
#undef CONVTAPE_ODD
}
static inline void interleave(Vec even, Vec odd, Vec* a, Vec* b) {
#define CONVTAPE_FIRST(i) (i) / 2 + (i) % 2 * kLanes
#define CONVTAPE_SECOND(i) (i) / 2 + (i) % 2 * kLanes + kLanes / 2
  *a = __builtin_shuffle(even, odd, VecI{CONVTAPE_LANES(CONVTAPE_FIRST)});
  *b = __builtin_shuffle(even, odd, VecI{CONVTAPE_LANES(CONVTAPE_SECOND)});
#undef CONVTAPE_FIRST
#undef CONVTAPE_SECOND
}
// The lanes moved up by one, a zero below them.
#define CONVTAPE_BEFORE(i) (i) + kLanes - 1
static inline Vec shiftIn(Vec v) { return __builtin_shuffle(Vec{}, v, VecI{CONVTAPE_LANES(CONVTAPE_BEFORE)}); }
static inline VecI shiftIn(VecI v) { return __builtin_shuffle(VecI{}, v, VecI{CONVTAPE_LANES(CONVTAPE_BEFORE)}); }
#undef CONVTAPE_BEFORE
// The lanes moved down by one, `last` above them.
#define CONVTAPE_AFTER(i) (i) + 1
static inline Vec shiftOut(Vec v, float last) { return __builtin_shuffle(v, splat(last), VecI{CONVTAPE_LANES(CONVTAPE_AFTER)}); }
#undef CONVTAPE_AFTER
#undef CONVTAPE_LANES

// The first n lanes of v, zeros after them.
static inline Vec firstLanes(Vec v, int n) {
#if defined(__AVX512F__)
  return _mm512_maskz_mov_ps(static_cast<__mmask16>((1u << n) - 1), v);
#else
  for (int i = n; i < kLanes; ++i) v[i] = 0;
  return v;
#endif
}

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
