// Matrix multiplication for every operator that is one: matmul, linear, convolution and their gradients.
//
// C (m×n) = A (m×k) · B (k×n). A is not packed at all: element (i, k) is read, one float at a time, at row[i] + offset[k], which fits
// a matrix as well as the windows of an image; a tile's few rows stay in L1. B is packed into panels as wide as a tile, which stream by
// from L2. The tile of C is in registers. Operators say where A's rows lie, how a piece of B is packed, and where a finished block goes.
#pragma once

#include "cpu/kernels.h"
#include "cpu/vec.h"

namespace convtape::cpu::CONVTAPE_ISA {

// A tile of C is at most kTileRows × kTileVectors registers; with one row of B and one element of A they fill the register file.
#if defined(__AVX512F__)
constexpr int kTileRows = 9, kTileVectors = 3;
#elif defined(__AVX2__)
constexpr int kTileRows = 6, kTileVectors = 2;
#else
constexpr int kTileRows = 4, kTileVectors = 2;
#endif
#if defined(__AVX512F__)
constexpr int64_t kStreamed = 72 * 1024;  // floats of B that stay in L2 while the rows of A go by: a quarter of 1 MB
#else
constexpr int64_t kStreamed = 32 * 1024;
#endif
constexpr int64_t kPackedFloats = 2 * kStreamed;  // of B for one block of C
constexpr int64_t kMostDepth = 768;               // of k at a time: a tile's rows of A take half of L1
constexpr int64_t kMostRows = 240;                // of A at a time
constexpr int64_t kTasks = 16;                    // fewer than these are cut finer where the sizes allow

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
// Part i of `count` cut into `parts` as even as can be begins here.
static inline int64_t partBegin(int64_t count, int64_t parts, int64_t i) { return count / parts * i + least(i, count % parts); }

// [0, count) cut into even pieces of at most `size`. Where `unit` is larger than a piece, no piece crosses a multiple of it.
struct Pieces {
  int64_t count, unit, each, number;

  Pieces(int64_t count, int64_t size, int64_t unit = 1)
      : count(count), unit(unit > size ? unit : count), each(ceilDiv(this->unit, size)), number(unit > size ? count / unit * each : each) {}
  int64_t begin(int64_t i) const { return each == 0 ? 0 : i / each * unit + partBegin(unit, each, i % each); }
};

// What a tile fetches into L1 while it computes, for the ones after it: `step` bytes further at each step along k.
struct Ahead {
  const char* from;
  int64_t step;

  void fetch() {
    __builtin_prefetch(from);
    from += step;
  }
};
struct NothingAhead {
  void fetch() {}
};

// c[Rows × Vectors] (+)= a[Rows × depth] · b[depth × Vectors]
template <int Rows, int Vectors, class Fetch>
static void tile(const float* const* row, const int32_t* offset, int64_t depth, const float* b, float* c, int64_t ldc, bool add,
                 Fetch ahead) {
  Vec sum[Rows][Vectors];
  const float* a[Rows];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i) {
    a[i] = row[i];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) __builtin_prefetch(c + i * ldc + v * kLanes, 1);
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) sum[i][v] = Vec{};
  }
  for (const int32_t* end = offset + depth; offset != end; ++offset, b += Vectors * kLanes) {
    const int64_t k = *offset;
    ahead.fetch();
    Vec bv[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) bv[v] = load(b + v * kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
      const Vec av = splat(a[i][k]);
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

template <class Fetch>
using TileFn = void (*)(const float* const*, const int32_t*, int64_t, const float*, float*, int64_t, bool, Fetch);

template <int Vectors, class Fetch>
static inline TileFn<Fetch> tileOfRows(int64_t rows) {
#if defined(__AVX512F__)
  static constexpr TileFn<Fetch> kTiles[kTileRows] = {&tile<1, Vectors, Fetch>, &tile<2, Vectors, Fetch>, &tile<3, Vectors, Fetch>,
                                                      &tile<4, Vectors, Fetch>, &tile<5, Vectors, Fetch>, &tile<6, Vectors, Fetch>,
                                                      &tile<7, Vectors, Fetch>, &tile<8, Vectors, Fetch>, &tile<9, Vectors, Fetch>};
#elif defined(__AVX2__)
  static constexpr TileFn<Fetch> kTiles[kTileRows] = {&tile<1, Vectors, Fetch>, &tile<2, Vectors, Fetch>, &tile<3, Vectors, Fetch>,
                                                      &tile<4, Vectors, Fetch>, &tile<5, Vectors, Fetch>, &tile<6, Vectors, Fetch>};
#else
  static constexpr TileFn<Fetch> kTiles[kTileRows] = {&tile<1, Vectors, Fetch>, &tile<2, Vectors, Fetch>, &tile<3, Vectors, Fetch>,
                                                      &tile<4, Vectors, Fetch>};
#endif
  return kTiles[rows - 1];
}

template <class Fetch>
static inline TileFn<Fetch> tileOf(int64_t rows, int64_t vectors) {
  return vectors == 1 ? tileOfRows<1, Fetch>(rows) : vectors == 2 ? tileOfRows<2, Fetch>(rows) : tileOfRows<kTileVectors, Fetch>(rows);
}

// A packed piece of B: panels of at most kTileVectors vectors, as even as can be, each stored row behind row.
struct PackedB {
  float* data;
  int64_t depth, vectors;

  int64_t panels() const { return ceilDiv(vectors, kTileVectors); }
  int64_t panelBegin(int64_t panel) const { return partBegin(vectors, panels(), panel); }
  float* panel(int64_t panel) const { return data + panelBegin(panel) * kLanes * depth; }
  // The panel that a vector belongs to.
  int64_t panelOf(int64_t vector) const {
    int64_t panel = vector / kTileVectors;
    while (panelBegin(panel + 1) <= vector) ++panel;
    return panel;
  }
};

// Calls body(first vector, vectors, where they are, distance of rows) for panels `from` up to `to`.
template <class Body>
static void forPanels(const PackedB& b, int64_t from, int64_t to, const Body& body) {
  for (int64_t panel = from; panel < to; ++panel) {
    const int64_t v = b.panelBegin(panel), vectors = b.panelBegin(panel + 1) - v;
    body(v, vectors, b.panel(panel), vectors * kLanes);
  }
}

template <class Body>
static void forPanels(const PackedB& b, const Body& body) {
  forPanels(b, 0, b.panels(), body);
}

// What a task works on: a block of C of the product numbered `batch`, from its own part of k.
struct Block {
  int64_t batch, part, row, rows, column, columns;
  int worker;
};

struct GemmSizes {
  int64_t batch, m, n, k;
  int64_t rowUnit = 1, depthUnit = 1;  // rows, or steps along k, do not cross multiples of these where they are larger than a piece
  int64_t parts = 1;                   // k is cut into this many, each with a C of its own
  int64_t blockRows = kMostRows;       // of one task
};

// How a product is cut. By its sizes alone, so that the bits do not depend on the machine.
struct GemmPlan {
  GemmSizes s;
  Pieces rows;
  int64_t packed, depth;  // floats of B, and steps along k, at a time
  Pieces steps;
  int64_t vectors, columnBlocks;

  explicit GemmPlan(const GemmSizes& sizes)
      : s(sizes),
        rows(s.m, s.blockRows, s.rowUnit),
        // A B that is packed for one block of rows only comes from far memory: less of it at a time leaves cache for what is on its way.
        packed(rows.number == 1 ? kStreamed : kPackedFloats),
        depth(least(kMostDepth, most(384, packed / most(1, sizes.n)))),
        steps(s.k, depth, s.depthUnit),
        vectors(ceilDiv(s.n, kLanes)),
        columnBlocks(ceilDiv(vectors * kLanes, packed / most(1, least(depth, s.k)))) {
    // Few tasks: cut rows down to some tiles, then columns down to a panel.
    if (tasks() > 0 && tasks() < kTasks && rows.unit == s.m)
      rows = Pieces(s.m, most(8 * kTileRows, ceilDiv(s.m, ceilDiv(kTasks, tasks() / rows.number))));
    if (tasks() > 0 && tasks() < kTasks)
      columnBlocks = most(columnBlocks, least(ceilDiv(vectors, kTileVectors), ceilDiv(kTasks, tasks() / columnBlocks)));
  }
  int64_t tasks() const { return s.batch * s.parts * rows.number * columnBlocks; }
  // Vectors to the left of a block of columns. Pairs stay together where a tile is two wide: one alone takes the time of both.
  int64_t columnBegin(int64_t columnBlock) const {
    constexpr int64_t kUnit = kTileVectors == 2 ? 2 : 1;
    return least(vectors, kUnit * partBegin(ceilDiv(vectors, kUnit), columnBlocks, columnBlock));
  }
  int64_t blockVectors() const { return columnBegin(1); }  // the first is the widest
  // B is packed once for all where several tasks want the same piece and memory allows.
  bool shared() const { return s.parts == 1 && rows.number > 1 && s.batch * s.k * vectors * kLanes <= int64_t{1} << 25; }
  // Floats of a worker's own: pointers and offsets, a piece of B, a block of C.
  int64_t ldc() const { return blockVectors() * kLanes + kLanes; }
  int64_t rowPointers() const { return ceilDiv(kMostRows * int64_t{sizeof(float*)} / int64_t{sizeof(float)}, 64) * 64; }
  int64_t sizeB() const { return shared() ? 0 : ceilDiv(blockVectors() * kLanes * least(s.k, depth), 64) * 64; }
  int64_t slice(bool ownC) const {
    return rowPointers() + kMostDepth + sizeB() + (ownC ? ceilDiv(least(s.m, s.blockRows) * ldc(), 64) * 64 : 0) + 64;
  }
  int64_t sharedFloats() const { return shared() ? s.batch * s.k * vectors * kLanes : 0; }
};

// rowsOfA(block, row, rows, k0, depth, pointers, offsets) -> rows it has set, at most `rows`
// packB(to, batch, column, columns, k0, worker): rows k0 … k0 + to.depth of B; lanes beyond `columns` may hold any finite numbers
// target(block, ld) -> where the block of C is computed, with ld set; null: in scratch memory of the task's
// finish(c, ld, block): takes the block away
// prepare(memory): `extra` floats of scratch memory for the operator, before any task runs
template <class Prepare, class RowsOfA, class PackB, class Target, class Finish>
static void gemm(Context& context, const GemmSizes& sizes, int workers, int64_t extra, const Prepare& prepare, const RowsOfA& rowsOfA,
                 const PackB& packB, const Target& target, const Finish& finish) {
  const GemmPlan plan(sizes);
  if (plan.tasks() == 0) return;
  const bool ownC = !target.direct;
  const int64_t slice = plan.slice(ownC), k = sizes.k;
  float* scratch = static_cast<float*>(
      context.scratch(static_cast<size_t>(ceilDiv(extra, 64) * 64 + plan.sharedFloats() + workers * slice) * sizeof(float)));
  prepare(scratch);
  float* sharedB = scratch + ceilDiv(extra, 64) * 64;
  float* slices = sharedB + plan.sharedFloats();

  // The piece of B of a batch, a block of columns and a step, with all steps of a block one behind the other.
  auto pieceOfB = [&](int64_t batch, int64_t columnBlock, int64_t step) -> PackedB {
    const int64_t k0 = plan.steps.begin(step), depth = plan.steps.begin(step + 1) - k0;
    const int64_t v = plan.columnBegin(columnBlock), vectors = plan.columnBegin(columnBlock + 1) - v;
    return {sharedB + (batch * plan.vectors + v) * kLanes * k + k0 * vectors * kLanes, depth, vectors};
  };
  if (plan.shared()) {
    auto pack = [&](int64_t index, int worker) {
      const int64_t step = index % plan.steps.number, columnBlock = index / plan.steps.number % plan.columnBlocks;
      const int64_t batch = index / (plan.steps.number * plan.columnBlocks), column = plan.columnBegin(columnBlock) * kLanes;
      packB(pieceOfB(batch, columnBlock, step), batch, column, least(plan.columnBegin(columnBlock + 1) * kLanes, sizes.n) - column,
            plan.steps.begin(step), worker);
    };
    parallelForWorkers(sizes.batch * plan.columnBlocks * plan.steps.number, workers, pack);
  }

  auto task = [&](int64_t index, int worker) {
    float* own = slices + worker * slice;
    const float** pointers = reinterpret_cast<const float**>(own);
    int32_t* offsets = reinterpret_cast<int32_t*>(own + plan.rowPointers());
    float* ownB = own + plan.rowPointers() + kMostDepth;
    Block block;
    block.worker = worker;
    const int64_t rowBlock = index % plan.rows.number, columnBlock = index / plan.rows.number % plan.columnBlocks;
    block.part = index / (plan.rows.number * plan.columnBlocks) % sizes.parts;
    block.batch = index / (plan.rows.number * plan.columnBlocks * sizes.parts);
    block.row = plan.rows.begin(rowBlock);
    block.rows = plan.rows.begin(rowBlock + 1) - block.row;
    block.column = plan.columnBegin(columnBlock) * kLanes;
    block.columns = least(plan.columnBegin(columnBlock + 1) * kLanes, sizes.n) - block.column;
    int64_t ldc = plan.ldc();
    float* c = ownC ? ownB + plan.sizeB() : target(block, ldc);
    const int64_t first = partBegin(plan.steps.number, sizes.parts, block.part);
    const int64_t last = partBegin(plan.steps.number, sizes.parts, block.part + 1);
    for (int64_t step = first; step < last; ++step) {
      PackedB b = pieceOfB(block.batch, columnBlock, step);
      if (!plan.shared()) {
        b.data = ownB;
        packB(b, block.batch, block.column, block.columns, plan.steps.begin(step), worker);
      }
      for (int64_t row = 0, rows; row < block.rows; row += rows) {
        rows = rowsOfA(block, block.row + row, least(kMostRows, block.rows - row), plan.steps.begin(step), b.depth, pointers, offsets);
        const int64_t tiles = ceilDiv(rows, kTileRows), panels = b.panels();
        const int64_t groups = ceilDiv(panels, most(1, kStreamed / (b.depth * kTileVectors * kLanes)));
        for (int64_t group = 0; group < groups; ++group)
          for (int64_t t = 0; t < tiles; ++t) {
            const int64_t i = partBegin(rows, tiles, t), height = partBegin(rows, tiles, t + 1) - i;
            forPanels(b, partBegin(panels, groups, group), partBegin(panels, groups, group + 1),
                      [&](int64_t v, int64_t vectors, const float* panel, int64_t) {
                        tileOf<NothingAhead>(height, vectors)(pointers + i, offsets, b.depth, panel, c + (row + i) * ldc + v * kLanes, ldc,
                                                              step > first, {});
                      });
          }
      }
    }
    if (first == last)
      for (int64_t i = 0; i < block.rows; ++i)
        for (int64_t j = 0; j < block.columns; ++j) c[i * ldc + j] = 0;
    finish(c, ldc, block);
  };
  parallelForWorkers(plan.tasks(), workers, task);
}

// The target of products whose blocks are computed in scratch memory.
struct OwnC {
  static constexpr bool direct = false;
  float* operator()(const Block&, int64_t&) const { return nullptr; }
};

}  // namespace convtape::cpu::CONVTAPE_ISA
