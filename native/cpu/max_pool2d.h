// What both ways of max pooling share: places in windows as bytes or integers, and NaN.
#pragma once

#include "cpu/vec.h"

#ifdef CONVTAPE_ISA
namespace convtape::cpu::CONVTAPE_ISA {

// Places in windows, n of them (at most kLanes), kept as bytes or as they are.
static inline void storeIndex(uint8_t* p, VecI v, int n) {
#if defined(__AVX512F__)
  const __m128i bytes = _mm512_maskz_cvtepi32_epi8(0xffff, reinterpret_cast<__m512i>(v));
  _mm_mask_storeu_epi8(p, static_cast<__mmask16>((1u << n) - 1), bytes);
#elif defined(__AVX2__)
  const __m256i all = reinterpret_cast<__m256i>(v);
  const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
  const uint64_t bytes = static_cast<uint64_t>(_mm_cvtsi128_si64(_mm_packus_epi16(words, words)));
  if (n == kLanes)
    __builtin_memcpy(p, &bytes, kLanes);
  else
    for (int i = 0; i < n; ++i) p[i] = static_cast<uint8_t>(bytes >> (8 * i));
#else
  for (int i = 0; i < n; ++i) p[i] = static_cast<uint8_t>(v[i]);
#endif
}
static inline void storeIndex(int32_t* p, VecI v, int n) { storeFirst(reinterpret_cast<float*>(p), reinterpret_cast<Vec>(v), n); }

static inline VecI loadIndex(const uint8_t* p, int n) {
#if defined(__AVX512F__)
  const __m128i bytes = _mm_maskz_loadu_epi8(static_cast<__mmask16>((1u << n) - 1), p);
  return reinterpret_cast<VecI>(_mm512_maskz_cvtepu8_epi32(0xffff, bytes));
#elif defined(__AVX2__)
  uint64_t bytes = 0;
  if (n == kLanes)
    __builtin_memcpy(&bytes, p, kLanes);
  else
    for (int i = 0; i < n; ++i) bytes |= static_cast<uint64_t>(p[i]) << (8 * i);
  return reinterpret_cast<VecI>(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<int64_t>(bytes))));
#else
  VecI v{};
  for (int i = 0; i < n; ++i) v[i] = p[i];
  return v;
#endif
}
static inline VecI loadIndex(const int32_t* p, int n) { return reinterpret_cast<VecI>(loadFirst(reinterpret_cast<const float*>(p), n)); }

// Whether any of the elements it was shown is NaN.
class NanSeen {
 public:
#if defined(__AVX512F__)
  void look(Vec a, Vec b) { seen_ = static_cast<__mmask16>(seen_ | _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q)); }
  bool any() const { return seen_ != 0; }

 private:
  __mmask16 seen_ = 0;
#else
  void look(Vec a, Vec b) { seen_ |= (a != a) | (b != b); }
  bool any() const { return sumLanes(__builtin_convertvector(seen_, Vec)) != 0; }

 private:
  VecI seen_{};
#endif
};

}  // namespace convtape::cpu::CONVTAPE_ISA
#endif
