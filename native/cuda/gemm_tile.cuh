// Tiles of operands in shared memory, and how a block copies them there.
#pragma once

#include "cuda/mma.cuh"
#include "cuda/sources.cuh"

// Loops whose every round keeps places in registers are unrolled by four only, and the largest not at all: unrolled whole they would need
// more registers than there are.
#ifdef __CUDACC__
#define CONVTAPE_UNROLL_4 _Pragma("unroll 4")
#define CONVTAPE_ROLLED _Pragma("unroll 1")
#else
#define CONVTAPE_UNROLL_4
#define CONVTAPE_ROLLED
#endif

namespace convtape::CONVTAPE_GPU {

// kRows × kDepth floats, the depth innermost or the rows. Lines are padded by kPad floats: whole 16 bytes, and such that the reads of a
// warp (gemm_core.cuh, gemm_tensor.cuh) fall into different banks.
template <int kRows, int kDepth, bool kDepthInner, int kPad>
struct Tile {
  static constexpr int rows = kRows, depth = kDepth;
  static constexpr bool depthInner = kDepthInner;
  static constexpr int line = (kDepthInner ? kDepth : kRows) + kPad;
  static constexpr int floats = (kDepthInner ? kRows : kDepth) * line;
  __device__ __forceinline__ static int at(int row, int depth) { return kDepthInner ? row * line + depth : depth * line + row; }
};

// Starts copying the tile of `source` whose corner is (firstRow, firstDepth); what is not below (endRow, endDepth) becomes 0. Neighbouring
// threads take what are neighbours in memory.
template <class T, int kThreads, class Source>
__device__ __forceinline__ void copyTile(float* tile /* T: (rows, depth), in shared memory */, const Source& source, unsigned firstRow,
                                         unsigned endRow, unsigned firstDepth, unsigned endDepth) {
  const int t = static_cast<int>(threadIdx.x);
  auto rowAt = [&](int row) {
    const unsigned i = firstRow + static_cast<unsigned>(row);
    return i < endRow ? source.row(i) : Source::outsideRow();
  };
  auto depthAt = [&](int depth) {
    const unsigned k = firstDepth + static_cast<unsigned>(depth);
    return k < endDepth ? source.depth(k) : Source::outsideDepth();
  };
  if constexpr (Source::kVectors && Source::kDepthInner == T::depthInner) {
    if (source.vectors) {
      constexpr int kInner = (T::depthInner ? T::depth : T::rows) / 4, kStep = kThreads / kInner;
      constexpr int kOuter = T::depthInner ? T::rows : T::depth;
      static_assert(kThreads % kInner == 0 && kOuter % kStep == 0, "every thread copies as many pieces");
      const int inner = t % kInner * 4;
      if constexpr (T::depthInner) {
        const auto depth = depthAt(inner);
        CONVTAPE_UNROLL
        for (int i = 0; i < kOuter / kStep; ++i) {
          const int row = t / kInner + i * kStep;
          const float* from = source.at(rowAt(row), depth);  // (4) or null
          copyAsync4(tile + T::at(row, inner), from ? from : source.data, from != nullptr);
        }
      } else {
        const auto row = rowAt(inner);
        CONVTAPE_UNROLL
        for (int i = 0; i < kOuter / kStep; ++i) {
          const int depth = t / kInner + i * kStep;
          const float* from = source.at(row, depthAt(depth));  // (4) or null
          copyAsync4(tile + T::at(inner, depth), from ? from : source.data, from != nullptr);
        }
      }
      return;
    }
  }
  if constexpr (Source::kDepthInner) {
    constexpr int kStep = kThreads / T::depth;
    static_assert(kThreads % T::depth == 0 && T::rows % kStep == 0, "every thread copies as many floats");
    const int inner = t % T::depth;
    const auto depth = depthAt(inner);
    CONVTAPE_UNROLL_4
    for (int i = 0; i < T::rows / kStep; ++i) {
      const int row = t / T::depth + i * kStep;
      const float* from = source.at(rowAt(row), depth);  // (1) or null
      copyAsync(tile + T::at(row, inner), from ? from : source.data, from != nullptr);
    }
  } else {
    constexpr int kStep = kThreads / T::rows;
    static_assert(kThreads % T::rows == 0 && T::depth % kStep == 0, "every thread copies as many floats");
    const int inner = t % T::rows;
    const auto row = rowAt(inner);
    CONVTAPE_UNROLL_4
    for (int i = 0; i < T::depth / kStep; ++i) {
      const int depth = t / T::rows + i * kStep;
      const float* from = source.at(row, depthAt(depth));  // (1) or null
      copyAsync(tile + T::at(inner, depth), from ? from : source.data, from != nullptr);
    }
  }
}

}  // namespace convtape::CONVTAPE_GPU
