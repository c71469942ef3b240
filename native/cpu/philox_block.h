// Philox for many counters at once, a counter in each lane of a vector. The same words as core/philox.h's.
#pragma once

#include "core/philox.h"
#include "cpu/vec.h"

namespace convtape::cpu::CONVTAPE_ISA {

constexpr int kPhiloxBlock = 16;

typedef uint64_t VecU64 __attribute__((vector_size(4 * kLanes)));

// Products of the low halves of the lanes, 64 bits each.
static inline VecU64 multiplyLow(VecU64 a, uint32_t b) {
#if defined(__AVX512F__)
  return reinterpret_cast<VecU64>(_mm512_maskz_mul_epu32(0xff, reinterpret_cast<__m512i>(a), _mm512_set1_epi64(b)));
#elif defined(__AVX2__)
  return reinterpret_cast<VecU64>(_mm256_mul_epu32(reinterpret_cast<__m256i>(a), _mm256_set1_epi64x(b)));
#elif defined(__SSE2__)
  return reinterpret_cast<VecU64>(_mm_mul_epu32(reinterpret_cast<__m128i>(a), _mm_set1_epi64x(b)));
#else
  return (a & 0xFFFFFFFFu) * b;
#endif
}

// words[j][l]: word j of counter + l
static inline void philoxBlock(uint64_t counter, uint64_t key, uint32_t stream, uint32_t (&words)[4][kPhiloxBlock]) {
  constexpr int kCounters = kLanes / 2;
  for (int start = 0; start < kPhiloxBlock; start += kCounters) {
    VecU64 c0, c1, c2 = VecU64{} + stream, c3{};
    for (int l = 0; l < kCounters; ++l) c0[l] = counter + static_cast<uint64_t>(start + l);
    c1 = c0 >> 32;
    uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
    // Only the low half of a lane counts; what the rounds leave in the high half is ignored by the products and cut off at the end.
    for (int round = 0; round < 10; ++round) {
      const VecU64 p0 = multiplyLow(c0, 0xD2511F53u), p1 = multiplyLow(c2, 0xCD9E8D57u);
      c0 = (p1 >> 32) ^ c1 ^ k0;
      c1 = p1;
      c2 = (p0 >> 32) ^ c3 ^ k1;
      c3 = p0;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    for (int l = 0; l < kCounters; ++l) {
      words[0][start + l] = static_cast<uint32_t>(c0[l]);
      words[1][start + l] = static_cast<uint32_t>(c1[l]);
      words[2][start + l] = static_cast<uint32_t>(c2[l]);
      words[3][start + l] = static_cast<uint32_t>(c3[l]);
    }
  }
}

}  // namespace convtape::cpu::CONVTAPE_ISA
