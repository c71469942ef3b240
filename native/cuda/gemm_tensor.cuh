// A block's product on tensor cores (mma.cuh), from operands that lie in shared memory as float32 and are rounded on their way to the
// fragments, so that all precisions share one kernel.
#pragma once

#include "cuda/gemm_tile.cuh"

namespace convtape::CONVTAPE_GPU {

enum class Rounding {
  Tf32x3,  // a·b as high·high + (high·low + low·high), high = tf32(x), low = tf32(x − high): float32's accuracy to about one bit
  Tf32,
  Bf16
};

// 64 × 128 outputs a block, 64 × 32 a warp. Tiles have 64 rows because layers of 192 and 96 maps would leave a third or a quarter of
// larger ones empty.
template <Rounding kRounding>
struct Tensor {
  static constexpr int kM = 64, kN = 128, kWarpM = 64, kWarpN = 32, kDepth = 16, kStages = 3;
  static constexpr int kThreads = kM / kWarpM * (kN / kWarpN) * 32, kBlocks = 2;
  static constexpr int kTilesM = kWarpM / 16, kTilesN = kWarpN / 8;
  // A stage's operands in shared memory: a (kM, kDepth), b (kN, kDepth), where Tile::at() says.
  // A lane reads (g, q): banks 20·g + q or 8·q + g, all different.
  template <class Source>
  using TileA = Tile<kM, kDepth, Source::kDepthInner, Source::kDepthInner ? 4 : 8>;
  template <class Source>
  using TileB = Tile<kN, kDepth, Source::kDepthInner, Source::kDepthInner ? 4 : 8>;

  float sums[kTilesM][kTilesN][4];

  __device__ __forceinline__ Tensor() {
    CONVTAPE_UNROLL
    for (int i = 0; i < kTilesM; ++i) {
      CONVTAPE_UNROLL
      for (int j = 0; j < kTilesN; ++j) sums[i][j][0] = sums[i][j][1] = sums[i][j][2] = sums[i][j][3] = 0;
    }
  }
  __device__ __forceinline__ static int lane() { return static_cast<int>(threadIdx.x % 32); }
  __device__ __forceinline__ static int warpRow() { return static_cast<int>(threadIdx.x / 32) / (kN / kWarpN) * kWarpM; }
  __device__ __forceinline__ static int warpColumn() { return static_cast<int>(threadIdx.x / 32) % (kN / kWarpN) * kWarpN; }

  // The depths k … k+7 of one 16-row piece of a and one 8-column piece of b, as tf32's fragments have them. bf16's fragment of 16 depths
  // is two of these: which depth goes to which place is of no matter to the sum as long as a and b agree.
  template <class T>
  __device__ __forceinline__ static void readA(const float* a /* T, a TileA */, int piece, int k, float (&x)[4]) {
    const int row = warpRow() + piece * 16 + lane() / 4, depth = k + lane() % 4;
    x[0] = a[T::at(row, depth)];
    x[1] = a[T::at(row + 8, depth)];
    x[2] = a[T::at(row, depth + 4)];
    x[3] = a[T::at(row + 8, depth + 4)];
  }
  template <class T>
  __device__ __forceinline__ static void readB(const float* b /* T, a TileB */, int piece, int k, float (&x)[2]) {
    const int column = warpColumn() + piece * 8 + lane() / 4, depth = k + lane() % 4;
    x[0] = b[T::at(column, depth)];
    x[1] = b[T::at(column, depth + 4)];
  }

  template <class A, class B>
  __device__ __forceinline__ void add(const float* a /* TileA */, const float* b /* TileB */) {
#ifdef CONVTAPE_TENSOR_CORES
    if constexpr (kRounding == Rounding::Bf16) {
      addBf16<TileA<A>, TileB<B>>(a, b);
    } else if constexpr (kRounding == Rounding::Tf32) {
      CONVTAPE_UNROLL
      for (int k = 0; k < kDepth; k += 8) addTf32<TileA<A>, TileB<B>>(a, b, k);
    } else {
#ifdef CONVTAPE_TF32X3
      CONVTAPE_ROLLED
      for (int k = 0; k < kDepth; k += 8) addTf32x3<TileA<A>, TileB<B>>(a, b, k);
#endif
    }
#endif
  }

  // store(row, place, sum) for each of the thread's outputs, place = column(column), counted within the block's.
  template <class Column, class Store>
  __device__ __forceinline__ void outputs(const Column& column, const Store& store) const {
    CONVTAPE_UNROLL
    for (int j = 0; j < kTilesN; ++j) {
      CONVTAPE_UNROLL
      for (int e = 0; e < 2; ++e) {
        const auto place = column(warpColumn() + j * 8 + lane() % 4 * 2 + e);
        CONVTAPE_UNROLL
        for (int i = 0; i < kTilesM; ++i) {
          const int row = warpRow() + i * 16 + lane() / 4;
          store(row, place, sums[i][j][e]);
          store(row + 8, place, sums[i][j][e + 2]);
        }
      }
    }
  }

#ifdef CONVTAPE_TENSOR_CORES
 private:
  using FragmentsA = uint32_t[kTilesM][4];
  using FragmentsB = uint32_t[kTilesN][2];

  __device__ __forceinline__ void multiply(const FragmentsA& a, const FragmentsB& b) {
    CONVTAPE_UNROLL
    for (int i = 0; i < kTilesM; ++i) {
      CONVTAPE_UNROLL
      for (int j = 0; j < kTilesN; ++j) {
        if constexpr (kRounding == Rounding::Bf16)
          mmaBf16(sums[i][j], a[i], b[j]);
        else
          mmaTf32(sums[i][j], a[i], b[j]);
      }
    }
  }

  template <class TA, class TB>
  __device__ __forceinline__ void addTf32(const float* a /* TA */, const float* b /* TB */, int k) {
    FragmentsA left;
    FragmentsB right;
    forElements<TA, TB>(a, b, k, [&](uint32_t& to, float x) { to = toTf32(x); }, left, right);
    multiply(left, right);
  }

  template <class TA, class TB>
  __device__ __forceinline__ void addBf16(const float* a /* TA */, const float* b /* TB */) {
    FragmentsA left;
    FragmentsB right;
    CONVTAPE_UNROLL
    for (int half = 0; half < 2; ++half) {
      CONVTAPE_UNROLL
      for (int i = 0; i < kTilesM; ++i) {
        float x[4];
        readA<TA>(a, i, half * 8, x);
        left[i][2 * half] = packBf16(x[0], x[2]);
        left[i][2 * half + 1] = packBf16(x[1], x[3]);
      }
      CONVTAPE_UNROLL
      for (int j = 0; j < kTilesN; ++j) {
        float x[2];
        readB<TB>(b, j, half * 8, x);
        right[j][half] = packBf16(x[0], x[1]);
      }
    }
    multiply(left, right);
  }

  // What an infinity has no part in: infinity − infinity in `low`, infinity · 0 in the products with a `low` that is 0. So these products
  // see a 0 for it, and it takes part in high·high alone, where it does what it does in float32. A number that rounding makes infinite
  // is cut to tf32 instead.
  template <class TA, class TB>
  __device__ __forceinline__ void addTf32x3(const float* a /* TA */, const float* b /* TB */, int k) {
    FragmentsA highA, lowA;
    FragmentsB highB, lowB;
    float most = 0;
    auto split = [&](uint32_t& high, uint32_t& low, float x) {
      high = toTf32(x);
      low = toTf32(x - __uint_as_float(high));
      most = fmaxf(most, fabsf(__uint_as_float(high)));
    };
    forPairs<TA, TB>(a, b, k, split, highA, lowA, highB, lowB);
    const bool infinite = __any_sync(0xffffffffu, most == __uint_as_float(kInfinity)) != 0;
    if (infinite)
      forPairs<TA, TB>(
          a, b, k,
          [](uint32_t& high, uint32_t& low, float x) {
            high = cut(x);
            low = 0;
            if ((high & kInfinity) != kInfinity)
              low = toTf32(x - __uint_as_float(high));
            else if ((high & ~kSign) == kInfinity)
              high = 0;
          },
          highA, lowA, highB, lowB);
    multiply(lowA, highB);
    multiply(highA, lowB);
    if (infinite) forElements<TA, TB>(a, b, k, [](uint32_t& high, float x) { high = cut(x); }, highA, highB);
    multiply(highA, highB);
  }

  static constexpr uint32_t kInfinity = 0x7f800000u, kSign = 0x80000000u;

  // To tf32 where rounding would give infinity: towards zero. Others are rounded.
  __device__ __forceinline__ static uint32_t cut(float x) {
    const uint32_t rounded = toTf32(x);
    return (rounded & ~kSign) == kInfinity ? __float_as_uint(x) & ~0x1fffu : rounded;
  }

  // to = f(element) for the lane's elements of both operands.
  template <class TA, class TB, class F>
  __device__ __forceinline__ static void forElements(const float* a /* TA */, const float* b /* TB */, int k, const F& f, FragmentsA& left,
                                                     FragmentsB& right) {
    FragmentsA noneA;
    FragmentsB noneB;
    forPairs<TA, TB>(a, b, k, [&](uint32_t& to, uint32_t&, float x) { f(to, x); }, left, noneA, right, noneB);
  }
  template <class TA, class TB, class F>
  __device__ __forceinline__ static void forPairs(const float* a /* TA */, const float* b /* TB */, int k, const F& f, FragmentsA& left,
                                                  FragmentsA& left2, FragmentsB& right, FragmentsB& right2) {
    CONVTAPE_UNROLL
    for (int i = 0; i < kTilesM; ++i) {
      float x[4];
      readA<TA>(a, i, k, x);
      CONVTAPE_UNROLL
      for (int e = 0; e < 4; ++e) f(left[i][e], left2[i][e], x[e]);
    }
    CONVTAPE_UNROLL
    for (int j = 0; j < kTilesN; ++j) {
      float x[2];
      readB<TB>(b, j, k, x);
      CONVTAPE_UNROLL
      for (int e = 0; e < 2; ++e) f(right[j][e], right2[j][e], x[e]);
    }
  }
#endif
};

}  // namespace convtape::CONVTAPE_GPU
