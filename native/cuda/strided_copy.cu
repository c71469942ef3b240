// The general copy: twice the element's bytes moved. Rows that both sides have contiguous go four elements a thread; a transpose goes
// through shared memory in tiles of 32×32, so that both sides are touched in whole sectors.
#include "cuda/index.cuh"
#include "cuda/kernels.h"

namespace convtape::CONVTAPE_GPU {
namespace {

constexpr int kTile = 32, kTileRows = kThreads / kTile;

template <class T, class Index, int kWidth>
__global__ void __launch_bounds__(kThreads) copyKernel(const T* __restrict__ from,  // walk.stride[0]
                                                       T* __restrict__ to,          // walk.stride[1]
                                                       int64_t count, Walk<Index, 2> walk, bool broadcast) {
  for (int64_t i = kWidth * globalThread(); i < count; i += kWidth * gridThreads()) {
    Index at[2] = {0, 0};
    walk.locate(static_cast<Index>(i), at);
    if (kWidth > 1 && broadcast) {
      Pack<T, kWidth> p;
      CONVTAPE_UNROLL
      for (int j = 0; j < kWidth; ++j) p.v[j] = from[at[0]];
      storePack(to + at[1], p);
    } else {
      storePack(to + at[1], loadPack<kWidth>(from + at[0]));
    }
  }
}

// `from` is contiguous along an axis of `columns`, `to` along one of `rows`; outer: the other axes.
template <class T, class Index>
__global__ void __launch_bounds__(kThreads)
    transposeKernel(const T* __restrict__ from,  // (outer, rows · fromStep, columns · 1)
                    T* __restrict__ to,          // (outer, columns · toStep, rows · 1)
                    Walk<Index, 2> outer, int64_t tiles, Divisor<Index> tilesDown, Divisor<Index> tilesAcross, Index rows, Index columns,
                    Index fromStep, Index toStep) {
  CONVTAPE_SHARED(int32_t, tile);  // (kTile, kTile + 1); bytes are kept as words, a bank each
  const Index x = threadIdx.x % kTile, y = threadIdx.x / kTile;
  for (int64_t u = blockIdx.x; u < tiles; u += gridDim.x) {
    Index row, column, at[2] = {0, 0};
    const Index above = tilesAcross.divide(static_cast<Index>(u), &column);
    outer.locate(tilesDown.divide(above, &row), at);
    row *= kTile;
    column *= kTile;
    CONVTAPE_UNROLL
    for (Index r = y; r < kTile; r += kTileRows)
      if (row + r < rows && column + x < columns) tile[r * (kTile + 1) + x] = from[at[0] + (row + r) * fromStep + column + x];
    __syncthreads();
    CONVTAPE_UNROLL
    for (Index c = y; c < kTile; c += kTileRows)
      if (column + c < columns && row + x < rows) to[at[1] + (column + c) * toStep + row + x] = static_cast<T>(tile[x * (kTile + 1) + c]);
    __syncthreads();
  }
}

template <class T>
void transpose(const Axes<2>& axes, int d, const T* from /* axes.stride[0] */, T* to /* axes.stride[1] */, Context& context) {
  Axes<2> outer = axes;
  outer.rank = 0;
  for (int i = 0; i < axes.rank - 1; ++i) {
    if (i == d) continue;
    outer.size[outer.rank] = axes.size[i];
    for (int k = 0; k < 2; ++k) outer.stride[k][outer.rank] = axes.stride[k][i];
    ++outer.rank;
  }
  const int64_t rows = axes.inner(), columns = axes.size[d];
  const int64_t down = (rows + kTile - 1) / kTile, across = (columns + kTile - 1) / kTile, tiles = outer.count() * down * across;
  const int64_t most = int64_t{1} << 20;
  withIndex(axes.reach() + tiles, [&](auto index) {
    using Index = decltype(index);
    context.launch("stridedCopy tiles", transposeKernel<T, Index>, dim3(static_cast<unsigned>(tiles < most ? tiles : most)), kThreads,
                   kTile * (kTile + 1) * sizeof(int32_t), from, to, Walk<Index, 2>(outer), tiles, Divisor<Index>(down),
                   Divisor<Index>(across), static_cast<Index>(rows), static_cast<Index>(columns), static_cast<Index>(axes.innerStride(0)),
                   static_cast<Index>(axes.stride[1][d]));
  });
}

// Whether four neighbours can always be moved together.
template <class T>
bool inFours(const Axes<2>& axes, const T* from /* axes.stride[0] */, const T* to /* axes.stride[1] */) {
  if (axes.inner() % 4 || axes.innerStride(0) > 1 || axes.innerStride(1) != 1) return false;
  const bool broadcast = axes.innerStride(0) == 0;
  if (!aligned(to, 4 * sizeof(T)) || (!broadcast && !aligned(from, 4 * sizeof(T)))) return false;
  for (int d = 0; d < axes.rank - 1; ++d)
    if (axes.stride[1][d] % 4 || (!broadcast && axes.stride[0][d] % 4)) return false;
  return true;
}

template <class T>
void copy(const StridedCopy::Params& p, const T* from /* p.fromStrides */, T* to /* p.toStrides */, Context& context) {
  const Axes<2> axes(p.shape, {&p.fromStrides, &p.toStrides});
  const int64_t count = axes.count();
  if (count == 0) return;
  if (axes.innerStride(1) == 1 && axes.innerStride(0) > 1 && axes.inner() >= 4)
    for (int d = 0; d < axes.rank - 1; ++d)
      if (axes.stride[0][d] == 1 && axes.size[d] >= 4) return transpose(axes, d, from, to, context);
  const bool fours = inFours(axes, from, to);
  withIndex(axes.reach(), [&](auto index) {
    using Index = decltype(index);
    context.launch("stridedCopy", fours ? copyKernel<T, Index, 4> : copyKernel<T, Index, 1>,
                   gridFor(fours ? count / 4 : count, context.multiprocessors), kThreads, 0, from, to, count, Walk<Index, 2>(axes),
                   axes.innerStride(0) == 0);
  });
}

}  // namespace

void run(const StridedCopy::Params& p, const Operands& o, Context& context) {
  if (o.in[0].dtype == DType::U8) return copy(p, o.in[0].u8() + p.fromOffset, o.out[0].u8() + p.toOffset, context);
  if (o.in[0].dtype == DType::BF16) return copy(p, &o.in[0].bf16()->bits + p.fromOffset, &o.out[0].bf16()->bits + p.toOffset, context);
  copy(p, o.in[0].i32() + p.fromOffset, o.out[0].i32() + p.toOffset, context);  // as bits: of the same size as f32
}

}  // namespace convtape::CONVTAPE_GPU
