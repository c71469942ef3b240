// A block's product in plain float32: every output is one chain of fused multiply-adds in the order of the depth.
#pragma once

#include "cuda/gemm_tile.cuh"

namespace convtape::CONVTAPE_GPU {

// kM × kN outputs a block, 8 × kColumns of them a thread: in groups of four, so that a thread reads its operands in float4, half a tile
// apart, so that a warp of 4 × 8 threads reads 64 and 128 neighbouring bytes.
template <int kM_, int kN_, int kColumns>
struct Core {
  static constexpr int kM = kM_, kN = kN_, kDepth = 8, kStages = 4;
  static constexpr int kThreads = kM / 8 * (kN / kColumns), kBlocks = 512 / kThreads;  // blocks on a multiprocessor: 128 registers a thread
  static constexpr int kRowGroups = 2, kColumnGroups = kColumns / 4;
  template <class Source>
  using TileA = Tile<kM, kDepth, false, 4>;
  template <class Source>
  using TileB = Tile<kN, kDepth, false, 4>;

  float sums[8][kColumns];

  __device__ __forceinline__ Core() {
    CONVTAPE_UNROLL
    for (int i = 0; i < 8; ++i) {
      CONVTAPE_UNROLL
      for (int j = 0; j < kColumns; ++j) sums[i][j] = 0;
    }
  }
  __device__ __forceinline__ static int firstRow() {
    const int t = static_cast<int>(threadIdx.x);
    return (t / 32 / (kN / kColumns / 8) * 4 + t % 32 / 8) * 4;
  }
  __device__ __forceinline__ static int firstColumn() {
    const int t = static_cast<int>(threadIdx.x);
    return (t / 32 % (kN / kColumns / 8) * 8 + t % 8) * 4;
  }
  __device__ __forceinline__ static int rowOf(int i) { return firstRow() + i / 4 * (kM / 2) + i % 4; }
  __device__ __forceinline__ static int columnOf(int j) { return firstColumn() + j / 4 * (kN / kColumnGroups) + j % 4; }

  template <class A, class B>
  __device__ __forceinline__ void add(const float* a /* TileA: (kDepth, kM + 4) */, const float* b /* TileB: (kDepth, kN + 4) */) {
    a += firstRow();
    b += firstColumn();
    CONVTAPE_UNROLL
    for (int k = 0; k < kDepth; ++k) {
      float left[8], right[kColumns];
      CONVTAPE_UNROLL
      for (int i = 0; i < kRowGroups; ++i) {
        const float4 v = *reinterpret_cast<const float4*>(a + TileA<A>::at(i * (kM / kRowGroups), k));
        left[4 * i] = v.x, left[4 * i + 1] = v.y, left[4 * i + 2] = v.z, left[4 * i + 3] = v.w;
      }
      CONVTAPE_UNROLL
      for (int j = 0; j < kColumnGroups; ++j) {
        const float4 v = *reinterpret_cast<const float4*>(b + TileB<B>::at(j * (kN / kColumnGroups), k));
        right[4 * j] = v.x, right[4 * j + 1] = v.y, right[4 * j + 2] = v.z, right[4 * j + 3] = v.w;
      }
      CONVTAPE_UNROLL
      for (int i = 0; i < 8; ++i) {
        CONVTAPE_UNROLL
        for (int j = 0; j < kColumns; ++j) sums[i][j] = fmaf(left[i], right[j], sums[i][j]);
      }
    }
  }

  // store(row, column, sum) for each of the thread's outputs, counted within the block's, column by column.
  template <class Column, class Store>
  __device__ __forceinline__ void outputs(const Column& column, const Store& store) const {
    CONVTAPE_UNROLL
    for (int j = 0; j < kColumns; ++j) {
      const auto place = column(columnOf(j));
      CONVTAPE_UNROLL
      for (int i = 0; i < 8; ++i) store(rowOf(i), place, sums[i][j]);
    }
  }
};

}  // namespace convtape::CONVTAPE_GPU
