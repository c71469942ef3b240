// Philox 4×32-10 (core/philox.h) for many counters at once: the same words. A vector has a counter in each of its 64-bit lanes, and several
// vectors go side by side, since each waits for its own products.
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

static inline VecL exclusiveOr(VecL a, VecL b, VecL c) {
#if defined(__AVX512F__)
  return reinterpret_cast<VecL>(
      _mm512_ternarylogic_epi64(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b), reinterpret_cast<__m512i>(c), 0x96));
#else
  return a ^ b ^ c;
#endif
}

// In each lane the low half of `low`, and above it that of `high`.
static inline VecL halves(VecL low, VecL high) {
#if defined(__AVX512F__)
  return reinterpret_cast<VecL>(
      _mm512_mask_shuffle_epi32(reinterpret_cast<__m512i>(low), 0xaaaa, reinterpret_cast<__m512i>(high), _MM_PERM_CCAA));
#else
  return (low & (0xffffffffu - VecL{})) | (high << 32);
#endif
}

class PhiloxVec {
 public:
  static constexpr int kSide = 4;
  static constexpr int kVectors = 2 * kSide;
  static constexpr int kWords = kVectors * kLanes;

  explicit PhiloxVec(uint64_t key) {
    uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
      keys_[round][0] = k0 - VecL{};
      keys_[round][1] = k1 - VecL{};
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
  }

  // The kWords words of the counters from c on, in order.
  void operator()(uint64_t c, VecU (&words)[kVectors]) const {
    // Only the low halves of the lanes matter, so the high ones may hold anything.
    VecL c0[kSide], c1[kSide], c2[kSide], c3[kSide];
#pragma GCC unroll 4
    for (int i = 0; i < kSide; ++i) {
      c0[i] = c + static_cast<uint64_t>(i * kLanes / 2) + counting();
      c1[i] = c0[i] >> 32;
      c2[i] = c3[i] = VecL{};
    }
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
#pragma GCC unroll 4
      for (int i = 0; i < kSide; ++i) {
        const VecL p0 = multiplyLow(c0[i], 0xD2511F53u - VecL{}), p1 = multiplyLow(c2[i], 0xCD9E8D57u - VecL{});
        c0[i] = exclusiveOr(p1 >> 32, c1[i], keys_[round][0]);
        c2[i] = exclusiveOr(p0 >> 32, c3[i], keys_[round][1]);
        c1[i] = p1;
        c3[i] = p0;
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < kSide; ++i) {
      const VecL a = halves(c0[i], c1[i]), b = halves(c2[i], c3[i]);
      VecU *first = &words[2 * i], *second = first + 1;
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
  }

 private:
  static VecL counting() {
    VecL v{};
    for (int i = 0; i < kLanes / 2; ++i) v[i] = static_cast<uint64_t>(i);
    return v;
  }
  VecL keys_[10][2];
};

}  // namespace convtape::cpu::CONVTAPE_ISA
#endif
