// bf16 to float32, which is exact, and back, to the nearest with ties to even.
#pragma once

#include <cstddef>

#include "core/dtype.h"
#include "cpu/vec.h"

#ifdef CONVTAPE_ISA
namespace convtape::cpu::CONVTAPE_ISA {

static inline float toFloat(Bf16 x) {
  const uint32_t bits = static_cast<uint32_t>(x.bits) << 16;
  float y;
  __builtin_memcpy(&y, &bits, sizeof y);
  return y;
}

static inline Bf16 toBf16(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  const uint32_t nan = bits >> 16 | 0x40;  // rounded, its mantissa might become that of an infinity
  return {static_cast<uint16_t>(x == x ? rounded : nan)};
}

// kLanes of them, and the first n ≤ kLanes, as floats.
static inline Vec load(const Bf16* p) {
#if defined(__AVX512F__)
  const __m512i wide = _mm512_maskz_cvtepu16_epi32(0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  return reinterpret_cast<Vec>(_mm512_maskz_slli_epi32(0xffff, wide, 16));
#elif defined(__AVX2__)
  return reinterpret_cast<Vec>(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))), 16));
#else
  Vec v;
  for (int i = 0; i < kLanes; ++i) v[i] = toFloat(p[i]);
  return v;
#endif
}
static inline Vec loadFirst(const Bf16* p, int n) {
  Bf16 part[kLanes] = {};
  __builtin_memcpy(part, p, static_cast<size_t>(n) * sizeof(Bf16));
  return load(part);
}

}  // namespace convtape::cpu::CONVTAPE_ISA
#endif
