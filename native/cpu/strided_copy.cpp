#include <cstring>

#include "cpu/kernels.h"
#include "cpu/strided.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

constexpr int64_t kGrain = 1 << 14;
constexpr int64_t kTile = 32;
constexpr int64_t kTilesPerTask = 16;

template <class T>
void copyRows(const Walk<2>& w, const T* from, T* to) {
  const int64_t sf = w.innerStride(0), st = w.innerStride(1);
  parallelRanges(w.count(), kGrain, [&](int64_t begin, int64_t end) {
    forRows(w, begin, end, [from, to, sf, st](int64_t, const int64_t* at, int64_t n) {
      const T* f = from + at[0];
      T* t = to + at[1];
      if (st != 1 || sf > 1) {
        for (int64_t i = 0; i < n; ++i) t[i * st] = f[i * sf];
      } else if (sf == 1) {
        std::memmove(t, f, static_cast<size_t>(n) * sizeof(T));
      } else {
        const T value = *f;
        for (int64_t i = 0; i < n; ++i) t[i] = value;
      }
    });
  });
}

// Where `to` is contiguous along the innermost axis and `from` along axis `d`: tile by tile through a buffer, so that both are read and
// written in whole cache lines.
template <class T>
void transposeTiles(const Walk<2>& w, int d, const T* from, T* to) {
  Walk<2> outer;
  for (int i = 0; i < w.rank - 1; ++i) {
    if (i == d) continue;
    outer.size[outer.rank] = w.size[i];
    for (int k = 0; k < 2; ++k) outer.stride[k][outer.rank] = w.stride[k][i];
    ++outer.rank;
  }
  const int64_t rows = w.inner(), columns = w.size[d], fromStep = w.innerStride(0), toStep = w.stride[1][d];
  const int64_t tilesDown = (rows + kTile - 1) / kTile, tilesAcross = (columns + kTile - 1) / kTile;
  parallelRanges(outer.count() * tilesDown * tilesAcross, kTilesPerTask, [&](int64_t begin, int64_t end) {
    T buffer[kTile][kTile + 1];
    for (int64_t tile = begin; tile < end; ++tile) {
      const int64_t row = tile / tilesAcross % tilesDown * kTile, column = tile % tilesAcross * kTile;
      const Position<2> at(outer, outer.rank, tile / tilesAcross / tilesDown);
      const int64_t m = rows - row < kTile ? rows - row : kTile, n = columns - column < kTile ? columns - column : kTile;
      const T* f = from + at.offset[0] + row * fromStep + column;
      T* t = to + at.offset[1] + column * toStep + row;
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) buffer[j][i] = f[i * fromStep + j];
      for (int64_t j = 0; j < n; ++j) std::memcpy(t + j * toStep, buffer[j], static_cast<size_t>(m) * sizeof(T));
    }
  });
}

template <class T>
void copy(const StridedCopy::Params& p, const T* from, T* to) {
  const Walk<2> w = makeWalk<2>(p.shape, {p.fromStrides, p.toStrides});
  if (w.innerStride(1) == 1 && w.innerStride(0) > 1 && w.inner() >= 4)
    for (int d = 0; d < w.rank - 1; ++d)
      if (w.stride[0][d] == 1 && w.size[d] >= 4) return transposeTiles(w, d, from, to);
  copyRows(w, from, to);
}

}  // namespace

void run(const StridedCopy::Params& p, const Operands& o, Context&) {
  if (o.in[0].dtype == DType::U8) return copy(p, o.in[0].u8() + p.fromOffset, o.out[0].u8() + p.toOffset);
  if (o.in[0].dtype == DType::BF16) return copy(p, o.in[0].bf16() + p.fromOffset, o.out[0].bf16() + p.toOffset);
  copy(p, o.in[0].i32() + p.fromOffset, o.out[0].i32() + p.toOffset);  // as bits: of the same size as f32
}

}  // namespace convtape::cpu::CONVTAPE_ISA
