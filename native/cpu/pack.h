// Copies of rectangles of floats, straight and transposed.
#pragma once

#include "cpu/bf16.h"
#include "cpu/gemm.h"

namespace convtape::cpu::CONVTAPE_ISA {

template <class From>
static inline void copyRun(float* to, const From* from, int64_t count) {
  if (count < kLanes) {
    if (count > 0) storeFirst(to, loadFirst(from, static_cast<int>(count)), static_cast<int>(count));
    return;
  }
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(to + i, load(from + i));
  if (i < count) store(to + count - kLanes, load(from + count - kLanes));
}

// to[i·toStride + j] = from[i·fromStride + j], as a float
template <class From>
static inline void copyRows(float* to, int64_t toStride, const From* from, int64_t fromStride, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; ++i) copyRun(to + i * toStride, from + i * fromStride, columns);
}

// The lanes of x and y by turns: those of the lower halves to x, of the upper halves to y.
static inline void interleave(Vec& x, Vec& y) {
  VecI low, high;
  for (int i = 0; i < kLanes; ++i) {
    low[i] = i / 2 + (i % 2) * kLanes;
    high[i] = low[i] + kLanes / 2;
  }
  const Vec a = __builtin_shuffle(x, y, low), b = __builtin_shuffle(x, y, high);
  x = a;
  y = b;
}

// The transpose of a kLanes×kLanes matrix held in kLanes vectors. Interleaving vector i with vector i + kLanes/2 moves each element's
// (row, column), written as one binary number, round by one bit; after log2(kLanes) times row and column have changed places.
static inline void transpose(Vec (&m)[kLanes]) {
#pragma GCC unroll 4
  for (int step = 1; step < kLanes; step *= 2) {
    Vec t[kLanes];
#pragma GCC unroll 8
    for (int i = 0; i < kLanes / 2; ++i) {
      t[2 * i] = m[i];
      t[2 * i + 1] = m[i + kLanes / 2];
      interleave(t[2 * i], t[2 * i + 1]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) m[i] = t[i];
  }
}

// One kLanes×kLanes block of copyTransposed, or a smaller one.
template <class Change>
static inline void copyBlock(float* to, int64_t toStride, const float* from, int64_t fromStride, int height, int width, int64_t j0,
                             const Change& change) {
  Vec m[kLanes];
  if (height == kLanes && width == kLanes) {
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) {
      m[i] = load(from + i * fromStride);
      __builtin_prefetch(from + i * fromStride + 4 * kLanes);
    }
    transpose(m);
#pragma GCC unroll 16
    for (int j = 0; j < kLanes; ++j) {
      store(to + j * toStride, change(m[j], j0 + j));
      __builtin_prefetch(to + j * toStride + 2 * kLanes, 1);
    }
    return;
  }
  for (int i = 0; i < kLanes; ++i)
    m[i] = i >= height ? Vec{} : width == kLanes ? load(from + i * fromStride) : loadFirst(from + i * fromStride, width);
  transpose(m);
  for (int j = 0; j < width; ++j) {
    const Vec v = change(m[j], j0 + j);
    if (height == kLanes)
      store(to + j * toStride, v);
    else
      storeFirst(to + j * toStride, v, height);
  }
}

// to[j·toStride + i] = change(from[i·fromStride + j], j) for i < rows, j < columns; `change` is given a vector along i.
template <class Change>
static inline void copyTransposed(float* to, int64_t toStride, const float* from, int64_t fromStride, int64_t rows, int64_t columns,
                                  const Change& change) {
  if (rows == 0 || columns == 0) return;
  const int height = static_cast<int>(least(kLanes, rows)), width = static_cast<int>(least(kLanes, columns));
  // The last block of a row or column overlaps the one before: what both write is the same.
  for (int64_t j = 0;; j = least(j + kLanes, columns - width)) {
    for (int64_t i = 0;; i = least(i + kLanes, rows - height)) {
      copyBlock(to + j * toStride + i, toStride, from + i * fromStride + j, fromStride, height, width, j, change);
      if (i == rows - height) break;
    }
    if (j == columns - width) break;
  }
}

static inline void copyTransposed(float* to, int64_t toStride, const float* from, int64_t fromStride, int64_t rows, int64_t columns) {
  copyTransposed(to, toStride, from, fromStride, rows, columns, [](Vec v, int64_t) { return v; });
}

// The same, and what a layer ends with: bias[j], where there is one, is added, and ReLU keeps what is positive.
static inline void copyActivated(float* to, int64_t toStride, const float* from, int64_t fromStride, int64_t rows, int64_t columns,
                                 const float* bias, bool relu) {
  const Vec zero{};
  copyTransposed(to, toStride, from, fromStride, rows, columns, [&](Vec v, int64_t j) {
    if (bias) v = v + splat(bias[j]);
    return relu ? (v < zero ? zero : v) : v;
  });
}

// B[k, column] = from[k·stride + column]
static inline void packRows(const PackedB& to, const float* from, int64_t stride, int64_t columns) {
  constexpr int64_t kRows = 8;
  for (int64_t k0 = 0; k0 < to.depth; k0 += kRows) {
    const int64_t k1 = least(to.depth, k0 + kRows);
    // Rows of a large matrix lie on pages of their own, where the processor does not look ahead by itself.
    for (int64_t k = k0; k < k1; ++k)
      for (int64_t i = 0; i < columns; i += 16) __builtin_prefetch(from + k * stride + i);
    forPanels(to, [&](int64_t v, int64_t vectors, float* panel, int64_t row) {
      const int64_t count = least(row, columns - v * kLanes);
      for (int64_t k = k0; k < k1; ++k) {
        copyRun(panel + k * row, from + k * stride + v * kLanes, count);
        for (int64_t i = count; i < vectors * kLanes; ++i) panel[k * row + i] = 0;
      }
    });
  }
}

// B[first + k, column] = from[column·stride + k] for k < count. Lanes beyond the columns become 0.
static inline void packColumns(const PackedB& to, int64_t first, int64_t count, const float* from, int64_t stride, int64_t columns) {
  forPanels(to, [&](int64_t v, int64_t vectors, float* panel, int64_t row) {
    for (int64_t i = 0; i < vectors; ++i) {
      const int64_t column = (v + i) * kLanes, filled = most(0, least(kLanes, columns - column));
      float* target = panel + first * row + i * kLanes;
      copyTransposed(target, row, from + column * stride, stride, filled, count);
      for (int64_t k = 0; k < count && filled < kLanes; ++k)
        for (int64_t lane = filled; lane < kLanes; ++lane) target[k * row + lane] = 0;
    }
  });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
