// Reductions in an order that depends on the shape alone: inside a warp, inside a block, and over strided operands of any size.
#pragma once

#include "cuda/index.cuh"
#include "cuda/kernels.h"

namespace convtape::CONVTAPE_GPU {

constexpr unsigned kAllLanes = 0xffffffffu;

// What all lanes of a warp hold, joined as a tree; every lane gets the result. join must be commutative.
template <class T, class Join>
__device__ __forceinline__ T warpJoin(T value, Join join) {
  CONVTAPE_UNROLL
  for (int distance = 16; distance > 0; distance /= 2) value = join(value, __shfl_xor_sync(kAllLanes, value, distance));
  return value;
}

// The same over a block of `threads` (a multiple of 32); `memory` has room for a T a warp and may be reused at once.
template <class T, class Join>
__device__ __forceinline__ T blockJoin(T value, Join join, T* memory /* (threads / 32) */, int threads) {
  value = warpJoin(value, join);
  if (threads == 32) return value;
  if (threadIdx.x % 32 == 0) memory[threadIdx.x / 32] = value;
  __syncthreads();
  T total = memory[0];
  for (int w = 1; w < threads / 32; ++w) total = join(total, memory[w]);
  __syncthreads();
  return total;
}

// NaN where either is.
__device__ __forceinline__ double largerOrNan(double a, double b) { return (a > b) | (a != a) ? a : b; }

struct AddJoin {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};
struct MaxJoin {  // NaN does not count
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a > b ? a : b;
  }
};

// How `terms` elements for each of `outputs` results are shared out. A block is `across` results times 256/across lanes, and a result's
// terms are cut into `pieces`, each a block's; what the pieces give goes to scratch memory and is reduced in turn.
struct ReducePlan {
  bool columns;  // neighbouring threads are neighbouring results; else neighbouring terms of one result
  int across;
  int64_t outputs, terms, pieceLength, pieces;

  static ReducePlan of(int64_t outputs, int64_t terms, bool columns) {
    constexpr int64_t kMostBlocks = 1024;  // more pieces than fill any device are not worth their results' way through memory
    constexpr int64_t kTermsPerLane = 16;
    ReducePlan plan{columns, 1, outputs, terms, terms, 1};
    if (columns)
      while (plan.across < 64 && plan.across < outputs) plan.across *= 2;
    else
      while (plan.across < 32 && kThreads / plan.across > 2 * terms) plan.across *= 2;
    const int64_t lanes = kThreads / plan.across, blocks = (outputs + plan.across - 1) / plan.across;
    const int64_t worth = (terms + lanes * kTermsPerLane - 1) / (lanes * kTermsPerLane), room = (kMostBlocks + blocks - 1) / blocks;
    plan.pieces = worth < room ? worth : room;
    plan.pieceLength = (terms + plan.pieces - 1) / plan.pieces;
    plan.pieceLength = (plan.pieceLength + 3) / 4 * 4;  // whole packs
    plan.pieces = (terms + plan.pieceLength - 1) / plan.pieceLength;
    return plan;
  }
  int64_t blocks() const { return (outputs + across - 1) / across; }
};

// For result i and term j: x = element(offset, i, j), joined. R has
//   using From = …, Acc = …, To = …
//   __device__ Acc start() const
//   __device__ Acc element(From x, int64_t result, int64_t term) const
//   __device__ Acc join(Acc, Acc) const      commutative
//   __device__ To finish(Acc) const
template <class R, class Index, class From, class Out, bool kFinish>
__global__ void __launch_bounds__(kThreads, 3)
    reduceKernel(const From* __restrict__ x,  // kept and reduced strides
                 Out* __restrict__ y,         // (pieces, outputs)
                 Walk<Index, 1> kept, Walk<Index, 1> reduced, int64_t outputs, int64_t terms, int64_t pieceLength, int64_t pieces,
                 int64_t blocks, int across, bool columns, bool fours, R r) {
  using Acc = typename R::Acc;
  CONVTAPE_SHARED(Acc, memory);  // (lanes, across)
  const int t = static_cast<int>(threadIdx.x), lanes = kThreads / across;
  const int column = columns ? t % across : t / lanes, lane = columns ? t / across : t % lanes;
  for (int64_t u = blockIdx.x; u < blocks * pieces; u += gridDim.x) {
    const int64_t piece = u / blocks, output = (u - piece * blocks) * across + column;
    const int64_t begin = piece * pieceLength, end = begin + pieceLength < terms ? begin + pieceLength : terms;
    Acc partial[4] = {r.start(), r.start(), r.start(), r.start()};  // four independent chains hide the latency of one
    if (output < outputs) {
      Index base[1] = {0};
      kept.locate(static_cast<Index>(output), base);
      const bool flat = reduced.rank == 1;
      const Index step = reduced.stride[0][0];
      const auto place = [&](int64_t j) {
        Index at[1] = {base[0]};
        if (flat)
          at[0] += static_cast<Index>(j) * step;
        else
          reduced.locate(static_cast<Index>(j), at);
        return at[0];
      };
      if (fours) {
        for (int64_t j = begin + 4 * lane; j < end; j += 4 * lanes) {
          const auto v = loadPack<4>(x + base[0] + static_cast<Index>(j));
          CONVTAPE_UNROLL
          for (int k = 0; k < 4; ++k) partial[k] = r.join(partial[k], r.element(v.v[k], output, j + k));
        }
      } else {
        int64_t j = begin + lane;
        for (; j + 3 * lanes < end; j += 4 * lanes) {
          From v[4];
          CONVTAPE_UNROLL
          for (int k = 0; k < 4; ++k) v[k] = x[place(j + k * lanes)];
          CONVTAPE_UNROLL
          for (int k = 0; k < 4; ++k) partial[k] = r.join(partial[k], r.element(v[k], output, j + k * lanes));
        }
        for (; j < end; j += lanes) partial[0] = r.join(partial[0], r.element(x[place(j)], output, j));
      }
    }
    memory[lane * across + column] = r.join(r.join(partial[0], partial[1]), r.join(partial[2], partial[3]));
    __syncthreads();
    for (int half = lanes / 2; half > 0; half /= 2) {
      if (lane < half) memory[lane * across + column] = r.join(memory[lane * across + column], memory[(lane + half) * across + column]);
      __syncthreads();
    }
    if (lane == 0 && output < outputs) {
      if constexpr (kFinish)
        y[output] = r.finish(memory[column]);
      else
        y[piece * outputs + output] = memory[column];
    }
    __syncthreads();
  }
}

// Whether the terms of every result lie in packs of four.
template <class T>
bool inFours(const Axes<1>& kept, const Axes<1>& reduced, const ReducePlan& plan, const T* x /* kept and reduced strides */) {
  if (sizeof(T) != 4 || plan.columns || reduced.rank != 1 || reduced.innerStride(0) != 1) return false;
  if (plan.terms % 4 || plan.pieceLength % 4 || !aligned(x, 16)) return false;
  for (int d = 0; d < kept.rank; ++d)
    if (kept.size[d] > 1 && kept.stride[0][d] % 4) return false;
  return true;
}

// Joins what the pieces gave.
template <class R>
struct JoinPieces : R {
  explicit JoinPieces(const R& r) : R(r) {}
  using Acc = typename R::Acc;
  __device__ Acc element(Acc x, int64_t, int64_t) const { return x; }
};

template <class R, class From, class Out, bool kFinish>
void reducePass(const char* name, const Axes<1>& kept, const Axes<1>& reduced, const ReducePlan& plan,
                const From* x /* kept and reduced strides */, Out* y /* (plan.pieces, plan.outputs) */, R r, Context& context) {
  const int64_t largest = kept.reach() > reduced.reach() ? kept.reach() : reduced.reach();
  withIndex(largest > kNarrowLimit / 2 ? kNarrowLimit + int64_t{1} : largest, [&](auto index) {
    using Index = decltype(index);
    const int64_t units = plan.blocks() * plan.pieces, most = int64_t{1} << 20;
    context.launch(name, reduceKernel<R, Index, From, Out, kFinish>, dim3(static_cast<unsigned>(units < most ? units : most)), kThreads,
                   kThreads * sizeof(typename R::Acc), x, y, Walk<Index, 1>(kept), Walk<Index, 1>(reduced), plan.outputs, plan.terms,
                   plan.pieceLength, plan.pieces, plan.blocks(), plan.across, plan.columns, inFours(kept, reduced, plan, x), r);
  });
}

// y[i] = finish(join over j of element(x[i·kept + j·reduced], i, j)), in one pass or two.
template <class R, class From, class Out>
void reduceStrided(const char* name, const Axes<1>& kept, const Axes<1>& reduced, const From* x /* kept and reduced strides */,
                   Out* y /* (outputs) */, R r, Context& context) {
  using Acc = typename R::Acc;
  const int64_t outputs = kept.count();
  const bool columns = kept.inner() > 1 && (reduced.count() == 1 || kept.innerStride(0) < reduced.innerStride(0));
  const ReducePlan plan = ReducePlan::of(outputs, reduced.count(), columns);
  if (plan.pieces == 1) return reducePass<R, From, Out, true>(name, kept, reduced, plan, x, y, r, context);
  Acc* partial = context.scratch<Acc>(static_cast<size_t>(plan.pieces * outputs));  // (pieces, outputs)
  reducePass<R, From, Acc, false>(name, kept, reduced, plan, x, partial, r, context);
  const Axes<1> results(outputs, 1), parts(plan.pieces, outputs);
  ReducePlan last = ReducePlan::of(outputs, plan.pieces, outputs > 1);
  last.pieces = 1;
  last.pieceLength = plan.pieces;
  reducePass<JoinPieces<R>, Acc, Out, true>(name, results, parts, last, partial, y, JoinPieces<R>(r), context);
}

}  // namespace convtape::CONVTAPE_GPU
