// Philox 4×32-10 (core/philox.h) for many counters at once: the same words. A vector has a counter in each of its 64-bit lanes, and several
// vectors go side by side, since each waits for its own products.
#pragma once

#include <cstring>

#include "core/philox.h"
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

constexpr uint32_t kPhiloxM0 = 0xD2511F53u, kPhiloxM1 = 0xCD9E8D57u;

// One round of a counter c0 … c3 in each lane. Only the low halves of the lanes matter, so the high ones may hold anything.
static inline void philoxRound(VecL& c0, VecL& c1, VecL& c2, VecL& c3, VecL k0, VecL k1) {
  const VecL p0 = multiplyLow(c0, kPhiloxM0 - VecL{}), p1 = multiplyLow(c2, kPhiloxM1 - VecL{});
  c0 = exclusiveOr(p1 >> 32, c1, k0);
  c2 = exclusiveOr(p0 >> 32, c3, k1);
  c1 = p1;
  c3 = p0;
}

class PhiloxVec {
 public:
  static constexpr int kSide = 4;
  static constexpr int kVectors = 2 * kSide;
  static constexpr int kWords = kVectors * kLanes;
  static constexpr int kCounters = kWords / 4;

  explicit PhiloxVec(uint64_t key) : key_(key) {
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
    if (static_cast<uint32_t>(c) > UINT32_MAX - (kCounters - 1)) return oneByOne(c, words);
    VecL c0[kSide], c1[kSide], c2[kSide], c3[kSide];
    // The first two rounds of counters with one c1 and zeros for c2 and c3: the first leaves all of them the same c0.
    const VecL product = multiplyLow((c >> 32) ^ keys_[0][0], kPhiloxM0 - VecL{});
    const VecL mixed = (product >> 32) ^ keys_[1][1];
    const uint64_t first = uint64_t{kPhiloxM0} * static_cast<uint32_t>(c);
#pragma GCC unroll 4
    for (int i = 0; i < kSide; ++i) {
      const VecL p0 = first + uint64_t{kPhiloxM0} * static_cast<uint64_t>(i * kLanes / 2) + multiples();
      const VecL p1 = multiplyLow((p0 >> 32) ^ keys_[0][1], kPhiloxM1 - VecL{});
      c0[i] = (p1 >> 32) ^ keys_[1][0];
      c1[i] = p1;
      c2[i] = mixed ^ p0;
      c3[i] = product;
    }
#pragma GCC unroll 10
    for (int round = 2; round < 10; ++round) {
#pragma GCC unroll 4
      for (int i = 0; i < kSide; ++i) philoxRound(c0[i], c1[i], c2[i], c3[i], keys_[round][0], keys_[round][1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < kSide; ++i) {
      const VecL a = halves(c0[i], c1[i]), b = halves(c2[i], c3[i]);
      VecU *lower = &words[2 * i], *upper = lower + 1;
#if defined(__AVX512F__)
      *lower = reinterpret_cast<VecU>(__builtin_shuffle(a, b, VecL{0, 8, 2, 10, 4, 12, 6, 14}));
      *upper = reinterpret_cast<VecU>(__builtin_shuffle(a, b, VecL{1, 9, 3, 11, 5, 13, 7, 15}));
#elif defined(__AVX2__)
      *lower = reinterpret_cast<VecU>(__builtin_shuffle(a, b, VecL{0, 4, 2, 6}));
      *upper = reinterpret_cast<VecU>(__builtin_shuffle(a, b, VecL{1, 5, 3, 7}));
#else
      *lower = reinterpret_cast<VecU>(__builtin_shuffle(a, b, VecL{0, 2}));
      *upper = reinterpret_cast<VecU>(__builtin_shuffle(a, b, VecL{1, 3}));
#endif
    }
  }

 private:
  // Where the low word overflows on the way.
  __attribute__((noinline)) void oneByOne(uint64_t c, VecU (&words)[kVectors]) const {
    Philox4 four[kCounters];
    for (int i = 0; i < kCounters; ++i) four[i] = philox(c + static_cast<uint64_t>(i), key_);
    memcpy(words, four, sizeof words);
  }
  // Of the first multiplier. The lanes have the counters in the order in which the words, by pairs, come to stand in theirs.
  static VecL multiples() {
    VecL v{};
    for (int i = 0; i < kLanes / 2; ++i) v[i] = uint64_t{kPhiloxM0} * static_cast<uint64_t>(i / 2 + i % 2 * (kLanes / 4));
    return v;
  }
  uint64_t key_;
  VecL keys_[10][2];
};

}  // namespace convtape::cpu::CONVTAPE_ISA
#endif
