// Copies of rectangles of floats, straight and transposed.
#pragma once

#include "cpu/gemm.h"

namespace convtape::cpu::CONVTAPE_ISA {

// to[i·toStride + j] = from[i·fromStride + j]
static inline void copyRows(float* to, int64_t toStride, const float* from, int64_t fromStride, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; ++i, to += toStride, from += fromStride) {
    int64_t j = 0;
    for (; j + kLanes <= columns; j += kLanes) store(to + j, load(from + j));
    if (j < columns) storeFirst(to + j, loadFirst(from + j, static_cast<int>(columns - j)), static_cast<int>(columns - j));
  }
}

using LaneIndex = VecI;

// Lane i of x and lane i of y by turns, from the lower and the upper halves.
static inline void interleave(Vec& x, Vec& y) {
  LaneIndex low, high;
  for (int i = 0; i < kLanes; ++i) {
    low[i] = i / 2 + (i % 2) * kLanes;
    high[i] = low[i] + kLanes / 2;
  }
  const Vec a = __builtin_shuffle(x, y, low), b = __builtin_shuffle(x, y, high);
  x = a;
  y = b;
}

// The transpose of a kLanes×kLanes matrix held in kLanes vectors. Interleaving vector i with vector i + kLanes/2 rotates the bits of
// (row, column) by one place; after log2(kLanes) times the halves have changed places.
static inline void transpose(Vec (&m)[kLanes]) {
#pragma GCC unroll 4
  for (int step = 1; step < kLanes; step *= 2) {
    Vec t[kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < kLanes / 2; ++i) {
      t[2 * i] = m[i];
      t[2 * i + 1] = m[i + kLanes / 2];
      interleave(t[2 * i], t[2 * i + 1]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) m[i] = t[i];
  }
}

// to[j·toStride + i] = from[i·fromStride + j] for i < rows, j < columns
static inline void copyTransposed(float* to, int64_t toStride, const float* from, int64_t fromStride, int64_t rows, int64_t columns) {
  for (int64_t i0 = 0; i0 < rows; i0 += kLanes)
    for (int64_t j0 = 0; j0 < columns; j0 += kLanes) {
      const int height = static_cast<int>(least(kLanes, rows - i0)), width = static_cast<int>(least(kLanes, columns - j0));
      const float* source = from + i0 * fromStride + j0;
      float* target = to + j0 * toStride + i0;
      Vec m[kLanes];
      if (height == kLanes && width == kLanes) {
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) m[i] = load(source + i * fromStride);
        transpose(m);
#pragma GCC unroll 16
        for (int j = 0; j < kLanes; ++j) store(target + j * toStride, m[j]);
      } else {
        for (int i = 0; i < kLanes; ++i)
          m[i] = i >= height ? Vec{} : width == kLanes ? load(source + i * fromStride) : loadFirst(source + i * fromStride, width);
        transpose(m);
        for (int j = 0; j < width; ++j) {
          if (height == kLanes)
            store(target + j * toStride, m[j]);
          else
            storeFirst(target + j * toStride, m[j], height);
        }
      }
    }
}

// Sets the lanes beyond the last of `columns` to 0: they are computed with and dropped, and must only not be slow to compute with.
static inline void zeroTail(const PackedB& b, int64_t columns) {
  const int64_t v = columns / kLanes;
  if (columns % kLanes == 0) return;
  for (int64_t k = 0; k < b.depth; ++k)
    for (int64_t lane = columns % kLanes; lane < kLanes; ++lane) b.at(v)[k * b.stride(v) + lane] = 0;
}

}  // namespace convtape::cpu::CONVTAPE_ISA
