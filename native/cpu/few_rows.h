// y = x · wᵀ for a few rows of x, as a layer has them that serves one image at a time: as fast as w can be read.
#pragma once

#include "cpu/bf16.h"
#include "cpu/gemm.h"

namespace convtape::cpu::CONVTAPE_ISA {

constexpr int64_t kFewRows = 4;   // above, the tiled product is as fast
constexpr int kMostOutputs = 12;  // made at a time

// sum[r][m] = Σ_k w[r·k …] · x[m·k …]
template <int M, int R, class Weight>
static inline void dotProducts(const float* x, const Weight* w, int64_t k, float (&sum)[R][M]) {
  Vec acc[R][M];
#pragma GCC unroll 12
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int m = 0; m < M; ++m) acc[r][m] = Vec{};
  int64_t i = 0;
  for (; i + kLanes <= k; i += kLanes) {
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r) {
      const Vec wv = load(w + r * k + i);
#if !defined(__AVX512F__)
      // Measured on Zen 3, a tenth faster; on Zen 4, which follows four rows by itself, a fifth slower.
      __builtin_prefetch(w + r * k + i + 512);
#endif
#pragma GCC unroll 8
      for (int m = 0; m < M; ++m) acc[r][m] = fma(load(x + m * k + i), wv, acc[r][m]);
    }
  }
  // Once an output: in memory and in a loop, which keeps the code small.
  Vec whole[R][M];
#pragma GCC unroll 12
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int m = 0; m < M; ++m) whole[r][m] = acc[r][m];
  const int rest = static_cast<int>(k - i);
#pragma GCC unroll 1
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 1
    for (int m = 0; m < M; ++m) {
      Vec v = whole[r][m];
      if (rest > 0) v = fma(loadFirst(x + m * k + i, rest), loadFirst(w + r * k + i, rest), v);
      sum[r][m] = sumLanes(v);
    }
}

// y[m·n + o] for outputs o in [begin, end)
template <int M, class Weight>
static void fewRows(const float* x, const Weight* w, const float* bias, bool relu, float* y, int64_t n, int64_t k, int64_t begin,
                    int64_t end) {
  // As the register file has it; of bf16 as many as the processor fetches ahead of at once (on Zen 4 12 are a seventh faster than 4, 16
  // slower).
  constexpr int R = kLanes == 16 && M == 1 && sizeof(Weight) < sizeof(float) ? kMostOutputs : kLanes == 16 || M <= 2 ? 4 : 2;
  auto finish = [&](float sum, int64_t m, int64_t o) {
    if (bias) sum += bias[o];
    y[m * n + o] = relu && sum < 0 ? 0 : sum;
  };
  int64_t o = begin;
  for (; o + R <= end; o += R) {
    float sum[R][M];
    dotProducts<M, R>(x, w + o * k, k, sum);
    for (int r = 0; r < R; ++r)
      for (int m = 0; m < M; ++m) finish(sum[r][m], m, o + r);
  }
  for (; o < end; ++o) {
    float sum[1][M];
    dotProducts<M, 1>(x, w + o * k, k, sum);
    for (int m = 0; m < M; ++m) finish(sum[0][m], m, o);
  }
}

}  // namespace convtape::cpu::CONVTAPE_ISA
