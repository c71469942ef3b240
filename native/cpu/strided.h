// Walks over the indices of a shape for N operands with strides of their own. Adjacent axes that every operand walks as one are merged
// first, so that most shapes end as one or two long axes.
#pragma once

#include "core/operand.h"

namespace convtape::cpu::CONVTAPE_ISA {

template <int N>
struct Walk {
  int rank = 0;  // at least 1
  int64_t size[kMaxRank] = {};
  int64_t stride[N][kMaxRank] = {};

  int64_t inner() const { return size[rank - 1]; }
  int64_t innerStride(int operand) const { return stride[operand][rank - 1]; }
  int64_t count() const {
    int64_t n = 1;
    for (int d = 0; d < rank; ++d) n *= size[d];
    return n;
  }
};

template <int N>
Walk<N> makeWalk(const Dims& shape, const Dims (&strides)[N]) {
  Walk<N> w;
  for (int d = 0; d < shape.rank; ++d) {
    if (shape[d] == 1) continue;
    bool merge = w.rank > 0;
    for (int k = 0; k < N && merge; ++k) merge = w.stride[k][w.rank - 1] == strides[k][d] * shape[d];
    if (!merge) ++w.rank;
    w.size[w.rank - 1] = merge ? w.size[w.rank - 1] * shape[d] : shape[d];
    for (int k = 0; k < N; ++k) w.stride[k][w.rank - 1] = strides[k][d];
  }
  if (w.rank == 0) w.size[w.rank++] = 1;
  return w;
}

// Where each operand is, as the index moves through the axes [0, rank) of a walk in row-major order.
template <int N>
struct Position {
  int64_t index[kMaxRank] = {};
  int64_t offset[N] = {};

  Position(const Walk<N>& w, int rank, int64_t linear) {
    for (int d = rank - 1; d >= 0; --d) {
      index[d] = linear % w.size[d];
      linear /= w.size[d];
      for (int k = 0; k < N; ++k) offset[k] += index[d] * w.stride[k][d];
    }
  }
  void next(const Walk<N>& w, int rank) {
    for (int d = rank - 1; d >= 0; --d) {
      for (int k = 0; k < N; ++k) offset[k] += w.stride[k][d];
      if (++index[d] < w.size[d]) return;
      for (int k = 0; k < N; ++k) offset[k] -= w.size[d] * w.stride[k][d];
      index[d] = 0;
    }
  }
};

// row(linear, offsets, length) for pieces of innermost rows that together are the indices [begin, end).
template <int N, class Row>
void forRows(const Walk<N>& w, int64_t begin, int64_t end, Row&& row) {
  const int64_t inner = w.inner();
  const int outer = w.rank - 1;
  Position<N> at(w, outer, begin / inner);
  int64_t column = begin % inner;
  while (begin < end) {
    const int64_t length = inner - column < end - begin ? inner - column : end - begin;
    int64_t offsets[N];
    for (int k = 0; k < N; ++k) offsets[k] = at.offset[k] + column * w.innerStride(k);
    row(begin, offsets, length);
    begin += length;
    column = 0;
    at.next(w, outer);
  }
}

}  // namespace convtape::cpu::CONVTAPE_ISA
