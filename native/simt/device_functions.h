// What kernels may use: qualifiers, built-in variables, vector types, barriers, warp functions, arithmetic.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "simt/executor.h"
#include "simt/shadow.h"

#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#ifndef __restrict__
#define __restrict__ __restrict
#endif

using dim3 = simt::Dim3;

#define threadIdx (simt::currentThread->id)
#define blockIdx (simt::currentBlock.id)
#define blockDim (simt::currentBlockDim)
#define gridDim (simt::currentGrid)
constexpr int warpSize = 32;

#define SIMT_STRING2(x) #x
#define SIMT_STRING(x) SIMT_STRING2(x)
#define SIMT_SITE __FILE__ ":" SIMT_STRING(__LINE__)

// Dynamic shared memory, the only kind there is here: carved out and poisoned for each block.
#define CONVTAPE_SHARED(type, name) type* const name = reinterpret_cast<type*>(simt::currentBlock.shared)

struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) int2 {
  int x, y;
};
struct alignas(16) int4 {
  int x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct uint3 {
  unsigned x, y, z;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(4) uchar4 {
  unsigned char x, y, z, w;
};
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline int2 make_int2(int x, int y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
inline uchar4 make_uchar4(unsigned char x, unsigned char y, unsigned char z, unsigned char w) { return {x, y, z, w}; }

#define __syncthreads() ((void)simt::blockBarrier(SIMT_SITE))
#define __syncthreads_or(p) simt::blockBarrier(SIMT_SITE, simt::Vote::Or, (p))
#define __syncthreads_and(p) simt::blockBarrier(SIMT_SITE, simt::Vote::And, (p))
#define __syncthreads_count(p) simt::blockBarrier(SIMT_SITE, simt::Vote::Count, (p))
#define __syncwarp(...) simt::warpCollective(SIMT_SITE, simt::maskOf(__VA_ARGS__), nullptr, true)
#define __shfl_sync(...) simt::shuffle(SIMT_SITE, simt::Shuffle::Index, __VA_ARGS__)
#define __shfl_xor_sync(...) simt::shuffle(SIMT_SITE, simt::Shuffle::Xor, __VA_ARGS__)
#define __shfl_down_sync(...) simt::shuffle(SIMT_SITE, simt::Shuffle::Down, __VA_ARGS__)
#define __shfl_up_sync(...) simt::shuffle(SIMT_SITE, simt::Shuffle::Up, __VA_ARGS__)
#define __ballot_sync(mask, p) simt::ballot(SIMT_SITE, mask, (p))
#define __any_sync(mask, p) (simt::ballot(SIMT_SITE, mask, (p)) != 0)
#define __all_sync(mask, p) (simt::ballot(SIMT_SITE, mask, !(p)) == 0)
#define __activemask() static_assert(false, "the set of active lanes is nobody's to rely on: name the mask")

namespace simt {

constexpr uint32_t maskOf(uint32_t mask = 0xffffffffu) { return mask; }

enum class Shuffle { Index, Xor, Down, Up };

template <class T>
T shuffle(const char* site, Shuffle kind, uint32_t mask, T value, int argument, int width = 32) {
  static_assert(sizeof(T) <= 8, "shuffles exchange at most 8 bytes");
  Thread* t = currentThread;
  std::memcpy(t->deposit, &value, sizeof value);
  const int lane = t->lane, segment = lane & ~(width - 1);
  int source = lane;
  switch (kind) {
    case Shuffle::Index:
      source = segment + (argument & (width - 1));
      break;
    case Shuffle::Xor:
      source = lane ^ argument;
      break;
    case Shuffle::Down:
      source = lane + argument;
      break;
    case Shuffle::Up:
      source = lane - argument;
      break;
  }
  if (source < segment || source >= segment + width) source = lane;
  if (!(mask >> lane & 1)) faultAt(site, "the mask does not hold its own lane");
  if (!(mask >> source & 1)) faultAt(site, "a shuffle reads a lane that its mask does not hold");
  t->deposit[1] = static_cast<uint64_t>(source);
  warpCollective(
      site, mask,
      [](Thread* const* lanes, uint32_t) {
        uint64_t values[32] = {};
        for (int i = 0; i < 32; ++i)
          if (lanes[i]) values[i] = lanes[i]->deposit[0];
        for (int i = 0; i < 32; ++i)
          if (lanes[i]) lanes[i]->deposit[0] = values[lanes[i]->deposit[1]];
      },
      false);
  std::memcpy(&value, t->deposit, sizeof value);
  return value;
}

inline unsigned ballot(const char* site, uint32_t mask, bool predicate) {
  Thread* t = currentThread;
  t->deposit[0] = predicate;
  warpCollective(
      site, mask,
      [](Thread* const* lanes, uint32_t) {
        uint64_t votes = 0;
        for (int i = 0; i < 32; ++i)
          if (lanes[i] && lanes[i]->deposit[0]) votes |= uint64_t{1} << i;
        for (int i = 0; i < 32; ++i)
          if (lanes[i]) lanes[i]->deposit[0] = votes;
      },
      false);
  return static_cast<unsigned>(t->deposit[0]);
}

// One thread runs at a time and is never interrupted, so a plain read-modify-write is atomic here; the shadow log must know it was one,
// and must not see its parts besides: hence no instrumentation, and no inlining into what has some.
template <class T, class F>
__attribute__((no_sanitize("thread"), noinline)) T atomically(T* p, F change) {
  shadowAtomic(p, sizeof(T));
  const T old = *p;
  *p = change(old);
  return old;
}

}  // namespace simt

// Integers only: the order of float atomics is nobody's to know, so no kernel may use them.
inline int atomicAdd(int* p, int v) {
  return simt::atomically(p, [v](int old) { return old + v; });
}
inline unsigned atomicAdd(unsigned* p, unsigned v) {
  return simt::atomically(p, [v](unsigned old) { return old + v; });
}
inline int atomicMax(int* p, int v) {
  return simt::atomically(p, [v](int old) { return old > v ? old : v; });
}
inline int atomicMin(int* p, int v) {
  return simt::atomically(p, [v](int old) { return old < v ? old : v; });
}
inline unsigned long long atomicMin(unsigned long long* p, unsigned long long v) {
  return simt::atomically(p, [v](unsigned long long old) { return old < v ? old : v; });
}
inline int atomicOr(int* p, int v) {
  return simt::atomically(p, [v](int old) { return old | v; });
}
inline int atomicExch(int* p, int v) {
  return simt::atomically(p, [v](int) { return v; });
}
inline int atomicCAS(int* p, int expected, int v) {
  return simt::atomically(p, [=](int old) { return old == expected ? v : old; });
}
inline void __threadfence() {}
inline void __threadfence_block() {}

template <class T>
inline T __ldg(const T* p) {
  return *p;
}
inline float __fmaf_rn(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float a) { return std::sqrt(a); }
inline float __frcp_rn(float a) { return 1.0f / a; }
inline float rsqrtf(float a) { return 1.0f / std::sqrt(a); }
inline float __expf(float a) { return std::exp(a); }
inline float __logf(float a) { return std::log(a); }
inline float __saturatef(float a) { return a < 0 ? 0 : a > 1 ? 1 : a; }
inline unsigned __float_as_uint(float a) {
  unsigned u;
  std::memcpy(&u, &a, 4);
  return u;
}
inline int __float_as_int(float a) { return static_cast<int>(__float_as_uint(a)); }
inline float __uint_as_float(unsigned u) {
  float a;
  std::memcpy(&a, &u, 4);
  return a;
}
inline float __int_as_float(int i) { return __uint_as_float(static_cast<unsigned>(i)); }
inline int __popc(unsigned u) { return __builtin_popcount(u); }
inline int __clz(int u) { return u ? __builtin_clz(static_cast<unsigned>(u)) : 32; }
inline int __ffs(int u) { return __builtin_ffs(u); }
inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>(uint64_t{a} * b >> 32); }
inline int min(int a, int b) { return a < b ? a : b; }
inline int max(int a, int b) { return a > b ? a : b; }
inline unsigned min(unsigned a, unsigned b) { return a < b ? a : b; }
inline unsigned max(unsigned a, unsigned b) { return a > b ? a : b; }
inline long min(long a, long b) { return a < b ? a : b; }
inline long max(long a, long b) { return a > b ? a : b; }
