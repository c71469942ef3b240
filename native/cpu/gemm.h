// Matrix multiplication for every operator that is one: matmul, linear, convolution and their gradients.
//
// C (m×n) = A (m×k) · B (k×n). A task computes one block of C whole, in scratch memory that fits the L2 cache. Along k it goes in steps
// of at most kDepth: a step of B is packed for the whole block, then a few rows of A at a time, and tiles of C are updated in
// registers: the panel of A stays in L1 while the panels of B stream by from L2. The operator says how a piece of A and of B is packed
// (they need not exist as matrices) and where a finished block goes.
#pragma once

#include "cpu/kernels.h"
#include "cpu/vec.h"

namespace convtape::cpu::CONVTAPE_ISA {

// A tile of C is at most kTileRows × kTileVectors registers; with a row of B and one element of A they fill the register file.
#if defined(__AVX512F__)
constexpr int kTileRows = 9, kTileVectors = 3;
#elif defined(__AVX2__)
constexpr int kTileRows = 6, kTileVectors = 2;
#else
constexpr int kTileRows = 4, kTileVectors = 2;
#endif
constexpr int64_t kDepth = 384;                // most of k in one step
constexpr int64_t kDepthStride = kDepth + 16;  // floats from one row of packed A to the next; no multiple of a page
constexpr int64_t kGroupRows = 8 * kTileRows;  // rows of A packed at once
constexpr int64_t kBlockRows = 48 * kLanes / 2;
constexpr int64_t kBlockVectors = 240 / kLanes;

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
// Part i of `count` cut into `parts` as even as can be begins here.
static inline int64_t partBegin(int64_t count, int64_t parts, int64_t i) { return count / parts * i + least(i, count % parts); }

// c[Rows × Vectors] (+)= a[Rows × depth] · b[depth × Vectors]
template <int Rows, int Vectors>
static void tile(const float* a, const float* b, int64_t depth, float* c, int64_t ldc, bool add) {
  Vec sum[Rows][Vectors];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) sum[i][v] = Vec{};
  for (int64_t k = 0; k < depth; ++k, b += Vectors * kLanes) {
    Vec bv[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) bv[v] = load(b + v * kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
      const Vec av = splat(a[i * kDepthStride + k]);
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) sum[i][v] = fma(av, bv[v], sum[i][v]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      float* to = c + i * ldc + v * kLanes;
      store(to, add ? load(to) + sum[i][v] : sum[i][v]);
    }
}

using TileFn = void (*)(const float*, const float*, int64_t, float*, int64_t, bool);

static inline TileFn tileOf(int64_t rows, int64_t vectors) {
#define CONVTAPE_TILES(V) \
  { &tile<1, V>, &tile<2, V>, &tile<3, V>, &tile<4, V> }
#if defined(__AVX512F__)
#undef CONVTAPE_TILES
#define CONVTAPE_TILES(V) \
  { &tile<1, V>, &tile<2, V>, &tile<3, V>, &tile<4, V>, &tile<5, V>, &tile<6, V>, &tile<7, V>, &tile<8, V>, &tile<9, V> }
  static constexpr TileFn kTiles[kTileVectors][kTileRows] = {CONVTAPE_TILES(1), CONVTAPE_TILES(2), CONVTAPE_TILES(3)};
#elif defined(__AVX2__)
#undef CONVTAPE_TILES
#define CONVTAPE_TILES(V) \
  { &tile<1, V>, &tile<2, V>, &tile<3, V>, &tile<4, V>, &tile<5, V>, &tile<6, V> }
  static constexpr TileFn kTiles[kTileVectors][kTileRows] = {CONVTAPE_TILES(1), CONVTAPE_TILES(2)};
#else
  static constexpr TileFn kTiles[kTileVectors][kTileRows] = {CONVTAPE_TILES(1), CONVTAPE_TILES(2)};
#endif
#undef CONVTAPE_TILES
  return kTiles[vectors - 1][rows - 1];
}

// A packed step of B: panels of kTileVectors vectors (the last may be narrower), each stored row behind row.
struct PackedB {
  float* data;
  int64_t depth, vectors;
  // Row 0 of the v-th vector of columns, and the distance to its next row.
  float* at(int64_t v) const { return data + v / kTileVectors * kTileVectors * kLanes * depth + v % kTileVectors * kLanes; }
  int64_t stride(int64_t v) const { return least(kTileVectors, vectors - v / kTileVectors * kTileVectors) * kLanes; }
};

// What a task works on: rows and columns of the product numbered `batch`, and its own part of k.
struct Block {
  int64_t batch, part, row, rows, column, columns;
  int worker;
};

struct GemmSizes {
  int64_t batch, m, n, k;
  int64_t parts = 1;  // k is cut into this many tasks, each with a C of its own
};

// packA(to, block, row, rows, k0, depth): to[i·kDepthStride + j] = A[row + i, k0 + j]
// packB(to, block, k0): rows k0 … k0 + to.depth of B, columns block.column …; columns beyond the block's may hold any finite numbers
// finish(c, ld, block): takes a block of C away
// `extra`: floats of scratch memory for packers and `finish`, handed to prepare(memory) before any task runs
template <class Prepare, class PackA, class PackB, class Finish>
static void gemm(Context& context, const GemmSizes& s, int workers, int64_t extra, const Prepare& prepare, const PackA& packA,
                 const PackB& packB, const Finish& finish) {
  const int64_t columnBlocks = ceilDiv(s.n, kBlockVectors * kLanes);
  const int64_t wanted = ceilDiv(16, most(1, s.batch * columnBlocks * s.parts));  // rows are cut finer where there are few tasks
  const int64_t rowBlocks = most(ceilDiv(s.m, kBlockRows), least(wanted, ceilDiv(s.m, 8 * kTileRows)));
  const int64_t tasks = s.batch * s.parts * rowBlocks * columnBlocks;
  if (tasks == 0) return;
  const int64_t vectorsAll = ceilDiv(s.n, kLanes);
  const int64_t ld = ceilDiv(vectorsAll, columnBlocks) * kLanes + kLanes;
  const int64_t sizeA = kGroupRows * kDepthStride, sizeB = ld * least(s.k, kDepth), sizeC = ld * ceilDiv(s.m, rowBlocks);
  const int64_t slice = ceilDiv(sizeA + sizeB + sizeC, 64) * 64 + 64;
  float* scratch = static_cast<float*>(context.scratch(static_cast<size_t>(workers * slice + extra + 64) * sizeof(float)));
  prepare(scratch + workers * slice);

  auto task = [&](int64_t index, int worker) {
    float *a = scratch + worker * slice, *b = a + sizeA, *c = b + sizeB;
    Block block;
    block.worker = worker;
    const int64_t rowBlock = index % rowBlocks, columnBlock = index / rowBlocks % columnBlocks;
    block.part = index / (rowBlocks * columnBlocks) % s.parts;
    block.batch = index / (rowBlocks * columnBlocks * s.parts);
    block.row = partBegin(s.m, rowBlocks, rowBlock);
    block.rows = partBegin(s.m, rowBlocks, rowBlock + 1) - block.row;
    const int64_t vector = partBegin(vectorsAll, columnBlocks, columnBlock);
    const int64_t vectors = partBegin(vectorsAll, columnBlocks, columnBlock + 1) - vector;
    block.column = vector * kLanes;
    block.columns = least(vectors * kLanes, s.n - block.column);
    const int64_t kBegin = partBegin(s.k, s.parts, block.part), kAll = partBegin(s.k, s.parts, block.part + 1) - kBegin;
    const int64_t steps = ceilDiv(kAll, kDepth), groups = ceilDiv(block.rows, kGroupRows);
    for (int64_t step = 0; step < steps; ++step) {
      const int64_t k0 = kBegin + partBegin(kAll, steps, step), depth = kBegin + partBegin(kAll, steps, step + 1) - k0;
      const PackedB packed = {b, depth, vectors};
      packB(packed, block, k0);
      for (int64_t group = 0; group < groups; ++group) {
        const int64_t row = partBegin(block.rows, groups, group), rows = partBegin(block.rows, groups, group + 1) - row;
        packA(a, block, block.row + row, rows, k0, depth);
        const int64_t panels = ceilDiv(rows, kTileRows);
        for (int64_t panel = 0; panel < panels; ++panel) {
          const int64_t i = partBegin(rows, panels, panel), height = partBegin(rows, panels, panel + 1) - i;
          for (int64_t v = 0; v < vectors; v += kTileVectors)
            tileOf(height, least(kTileVectors, vectors - v))(a + i * kDepthStride, packed.at(v), depth, c + (row + i) * ld + v * kLanes, ld,
                                                             step > 0);
        }
      }
    }
    if (steps == 0)
      for (int64_t i = 0; i < block.rows * ld; ++i) c[i] = 0;
    finish(c, ld, block);
  };
  parallelForWorkers(tasks, workers, task);
}

}  // namespace convtape::cpu::CONVTAPE_ISA
