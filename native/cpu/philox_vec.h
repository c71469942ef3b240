// Philox 4×32-10 (core/philox.h) for as many counters at once as a vector has 64-bit lanes: the same words.
#pragma once

#include "cpu/vec.h"

#ifdef CONVTAPE_ISA
namespace convtape::cpu::CONVTAPE_ISA {

typedef uint64_t VecL __attribute__((vector_size(4 * kLanes)));
typedef uint32_t VecU __attribute__((vector_size(4 * kLanes)));

// Product of the low halves of the lanes.
static inline VecL multiplyLow(VecL a, VecL b) {
#if defined(__AVX512F__)
  return reinterpret_cast<VecL>(_mm512_maskz_mul_epu32(0xff, reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));  // all lanes
#elif defined(__AVX2__)
  return reinterpret_cast<VecL>(_mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#elif defined(__SSE2__)
  return reinterpret_cast<VecL>(_mm_mul_epu32(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
#else
  return (a & 0xffffffffu) * (b & 0xffffffffu);
#endif
}

class PhiloxVec {
 public:
  static constexpr int kCounters = kLanes / 2;
  static constexpr int kWords = 4 * kCounters;

  explicit PhiloxVec(uint64_t key) {
    uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
      keys_[round][0] = k0 - VecL{};
      keys_[round][1] = k1 - VecL{};
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
  }

  // The words of counters c … c + kCounters − 1 in order: two vectors.
  void operator()(uint64_t c, VecU* first, VecU* second) const {
    // Only the low halves of the lanes matter, so the high ones may hold anything.
    VecL c0 = c + counting(), c1 = c0 >> 32, c2{}, c3{};
    for (int round = 0; round < 10; ++round) {
      const VecL p0 = multiplyLow(c0, 0xD2511F53u - VecL{}), p1 = multiplyLow(c2, 0xCD9E8D57u - VecL{});
      c0 = (p1 >> 32) ^ c1 ^ keys_[round][0];
      c2 = (p0 >> 32) ^ c3 ^ keys_[round][1];
      c1 = p1;
      c3 = p0;
    }
    const VecL low = 0xffffffffu - VecL{};
    const VecL a = (c0 & low) | (c1 << 32), b = (c2 & low) | (c3 << 32);
#if defined(__AVX512F__)
    *first = reinterpret_cast<VecU>(__builtin_shuffle(a, b, VecL{0, 8, 1, 9, 2, 10, 3, 11}));
    *second = reinterpret_cast<VecU>(__builtin_shuffle(a, b, VecL{4, 12, 5, 13, 6, 14, 7, 15}));
#elif defined(__AVX2__)
    *first = reinterpret_cast<VecU>(__builtin_shuffle(a, b, VecL{0, 4, 1, 5}));
    *second = reinterpret_cast<VecU>(__builtin_shuffle(a, b, VecL{2, 6, 3, 7}));
#else
    *first = reinterpret_cast<VecU>(__builtin_shuffle(a, b, VecL{0, 2}));
    *second = reinterpret_cast<VecU>(__builtin_shuffle(a, b, VecL{1, 3}));
#endif
  }

 private:
  static VecL counting() {
    VecL v{};
    for (int i = 0; i < kCounters; ++i) v[i] = static_cast<uint64_t>(i);
    return v;
  }
  VecL keys_[10][2];
};

}  // namespace convtape::cpu::CONVTAPE_ISA
#endif
