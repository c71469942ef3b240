// Philox 4×32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", 2011): four random words from a
// counter and a key, without state. The same source serves the CPU and CUDA, so both draw the same bits; every floating-point step
// below is an operation whose rounding IEEE 754 fixes (add, multiply, fma, sqrt), so they draw the same floats as well.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

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

}  // namespace convtape
