// Matrix multiplication for every operator that is one: matmul, linear, convolution and their gradients.
//
// C (m×n) = A (m×k) · B (k×n) is cut into blocks of C, each of which one task computes whole, in scratch memory that fits the L2 cache.
// Along k it goes in steps of at most kDepth: a step of B is packed for the whole block, then A row panel by row panel, each of which
// stays in L1 while the tiles of its row are updated in registers. The operator says how to pack a piece of A and of B, which need not
// exist as matrices, and where a finished block goes.
#pragma once

#include "cpu/kernels.h"
#include "cpu/vec.h"

namespace convtape::cpu::CONVTAPE_ISA {

// A tile of C in registers: kTileRows × kTileColumns.
#if defined(__AVX512F__)
constexpr int kTileRows = 14, kTileVectors = 2;
#elif defined(__AVX2__)
constexpr int kTileRows = 6, kTileVectors = 2;
#else
constexpr int kTileRows = 4, kTileVectors = 2;
#endif
constexpr int kTileColumns = kTileVectors * kLanes;
constexpr int64_t kDepth = 384;                // most of k in one step
constexpr int64_t kDepthStride = kDepth + 16;  // floats from one row of a packed panel of A to the next; no multiple of a page
constexpr int64_t kBlockRows = 28 * kTileRows;
constexpr int64_t kBlockColumns = 256;

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
// Part i of `count` cut into `parts` as even as can be begins here.
static inline int64_t partBegin(int64_t count, int64_t parts, int64_t i) { return count / parts * i + least(i, count % parts); }

// c[Rows × kTileColumns] (+)= a[Rows × depth] · b[depth × kTileColumns]
template <int Rows>
static void tile(const float* a, const float* b, int64_t ldb, int64_t depth, float* c, int64_t ldc, bool add) {
  Vec sum[Rows][kTileVectors];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
    for (int v = 0; v < kTileVectors; ++v) sum[i][v] = Vec{};
  for (int64_t k = 0; k < depth; ++k, b += ldb) {
    Vec bv[kTileVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kTileVectors; ++v) bv[v] = load(b + v * kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
      const Vec av = splat(a[i * kDepthStride + k]);
#pragma GCC unroll 4
      for (int v = 0; v < kTileVectors; ++v) sum[i][v] = fma(av, bv[v], sum[i][v]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
    for (int v = 0; v < kTileVectors; ++v) {
      float* to = c + i * ldc + v * kLanes;
      store(to, add ? load(to) + sum[i][v] : sum[i][v]);
    }
}

using TileFn = void (*)(const float*, const float*, int64_t, int64_t, float*, int64_t, bool);

static inline TileFn tileOf(int64_t rows) {
#if defined(__AVX512F__)
  static constexpr TileFn kTiles[kTileRows] = {&tile<1>, &tile<2>, &tile<3>,  &tile<4>,  &tile<5>,  &tile<6>,  &tile<7>,
                                               &tile<8>, &tile<9>, &tile<10>, &tile<11>, &tile<12>, &tile<13>, &tile<14>};
#elif defined(__AVX2__)
  static constexpr TileFn kTiles[kTileRows] = {&tile<1>, &tile<2>, &tile<3>, &tile<4>, &tile<5>, &tile<6>};
#else
  static constexpr TileFn kTiles[kTileRows] = {&tile<1>, &tile<2>, &tile<3>, &tile<4>};
#endif
  return kTiles[rows - 1];
}

struct GemmSizes {
  int64_t batch, m, n, k;
};

// packA(to, batch, row, rows, k0, depth):        to[i·kDepthStride + j] = A[row + i, k0 + j]
// packB(to, ld, batch, k0, depth, column, columns): to[j·ld + i] = B[k0 + j, column + i]
// finish(c, ld, batch, row, rows, column, columns): takes a block of C away
template <class PackA, class PackB, class Finish>
static void gemm(Context& context, const GemmSizes& s, const PackA& packA, const PackB& packB, const Finish& finish) {
  const int64_t rowBlocks = ceilDiv(s.m, kBlockRows), columnBlocks = ceilDiv(s.n, kBlockColumns);
  const int64_t steps = ceilDiv(s.k, kDepth);
  const int64_t tasks = s.batch * rowBlocks * columnBlocks;
  if (tasks == 0) return;
  const int64_t blockRows = ceilDiv(s.m, rowBlocks);
  const int64_t ld = ceilDiv(least(s.n, kBlockColumns), kTileColumns) * kTileColumns;
  const int64_t sizeB = ld * least(s.k, kDepth), sizeC = ld * blockRows, sizeA = kTileRows * kDepthStride;
  const int workers = static_cast<int>(least(tasks, Pool::instance().workers()));
  const int64_t slice = ceilDiv(sizeA + sizeB + sizeC, 64) * 64;
  float* scratch = static_cast<float*>(context.scratch(static_cast<size_t>(workers * slice) * sizeof(float)));

  auto task = [&](int64_t index, int worker) {
    float *a = scratch + worker * slice, *b = a + sizeA, *c = b + sizeB;
    const int64_t batch = index / (rowBlocks * columnBlocks), block = index % (rowBlocks * columnBlocks);
    const int64_t rowBlock = block % rowBlocks, column = block / rowBlocks * kBlockColumns;
    const int64_t row = partBegin(s.m, rowBlocks, rowBlock), rows = partBegin(s.m, rowBlocks, rowBlock + 1) - row;
    const int64_t columns = least(kBlockColumns, s.n - column);
    const int64_t wide = ceilDiv(columns, kTileColumns) * kTileColumns;
    const int64_t panels = ceilDiv(rows, kTileRows);
    for (int64_t step = 0; step < steps; ++step) {
      const int64_t k0 = partBegin(s.k, steps, step), depth = partBegin(s.k, steps, step + 1) - k0;
      packB(b, ld, batch, k0, depth, column, columns);
      // Columns beyond the block's are computed and dropped; what they hold must only not be slow to compute with.
      for (int64_t k = 0; k < depth && wide > columns; ++k)
        for (int64_t i = columns; i < wide; ++i) b[k * ld + i] = 0;
      for (int64_t panel = 0; panel < panels; ++panel) {
        const int64_t i = partBegin(rows, panels, panel), height = partBegin(rows, panels, panel + 1) - i;
        packA(a, batch, row + i, height, k0, depth);
        const TileFn update = tileOf(height);
        for (int64_t j = 0; j < wide; j += kTileColumns) update(a, b + j, ld, depth, c + i * ld + j, ld, step > 0);
      }
    }
    if (steps == 0)
      for (int64_t i = 0; i < rows * ld; ++i) c[i] = 0;
    finish(c, ld, batch, row, rows, column, columns);
  };
  parallelForWorkers(tasks, workers, task);
}

}  // namespace convtape::cpu::CONVTAPE_ISA
