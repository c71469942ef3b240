// What pooling kernels share: a thread an element, windows of sizes that are known at compile time where they are AlexNet's.
#pragma once

#include "core/ops/window.h"
#include "cuda/index.cuh"
#include "cuda/kernels.h"

namespace convtape::CONVTAPE_GPU {

// Window2d in the integers a kernel computes with. kKernel, kStride: both axes', where they are not 0.
template <int kKernel, int kStride>
struct PoolWindow {
  int height, width, outHeight, outWidth;
  int kernelRows, kernelColumns, strideRows, strideColumns, paddingRows, paddingColumns;

  explicit PoolWindow(const Window2d& p)
      : height(static_cast<int>(p.height)),
        width(static_cast<int>(p.width)),
        outHeight(static_cast<int>(p.outHeight)),
        outWidth(static_cast<int>(p.outWidth)),
        kernelRows(static_cast<int>(p.kernelHeight)),
        kernelColumns(static_cast<int>(p.kernelWidth)),
        strideRows(static_cast<int>(p.strideHeight)),
        strideColumns(static_cast<int>(p.strideWidth)),
        paddingRows(static_cast<int>(p.paddingHeight)),
        paddingColumns(static_cast<int>(p.paddingWidth)) {}

  __device__ __forceinline__ int kernelHeight() const { return kKernel ? kKernel : kernelRows; }
  __device__ __forceinline__ int kernelWidth() const { return kKernel ? kKernel : kernelColumns; }
  __device__ __forceinline__ int strideHeight() const { return kStride ? kStride : strideRows; }
  __device__ __forceinline__ int strideWidth() const { return kStride ? kStride : strideColumns; }
};

// The outputs [first, last) whose windows hold element `at` of an axis.
__device__ __forceinline__ void covering(int at, int kernel, int stride, int padding, int outputs, int* first /* (1) */,
                                         int* last /* (1) */) {
  const int from = at + padding - kernel;  // the window that starts here is the last that does not reach `at`
  *first = from < 0 ? 0 : from / stride + 1;
  const int end = (at + padding) / stride + 1;
  *last = end < outputs ? end : outputs;
}

// Elements of the window of output i along an axis that lie inside the padded plane.
__device__ __forceinline__ int extent(int i, int kernel, int stride, int padding, int size) {
  const int start = i * stride, end = start + kernel, most = size + 2 * padding;
  return (end < most ? end : most) - start;
}

// Where element `linear` of planes×rows×columns is.
template <class Index>
struct PlaneIndex {
  Divisor<Index> columns, rows;
  PlaneIndex(int64_t rows, int64_t columns) : columns(columns), rows(rows) {}
  __device__ __forceinline__ int64_t locate(int64_t linear, int* row /* (1) */, int* column /* (1) */) const {
    Index r, c;
    const Index plane = rows.divide(columns.divide(static_cast<Index>(linear), &c), &r);
    *row = static_cast<int>(r);
    *column = static_cast<int>(c);
    return static_cast<int64_t>(plane);
  }
};

// body(PoolWindow, index): AlexNet's overlapping windows (3×3, stride 2) and plain ones (2×2, stride 2) known at compile time.
template <class Body>
void withPoolWindow(const Window2d& p, int64_t largest, Body&& body) {
  const bool square = p.kernelHeight == p.kernelWidth && p.strideHeight == 2 && p.strideWidth == 2 && largest <= kNarrowLimit;
  if (square && p.kernelWidth == 3) return body(PoolWindow<3, 2>(p), uint32_t{});
  if (square && p.kernelWidth == 2) return body(PoolWindow<2, 2>(p), uint32_t{});
  withIndex(largest, [&](auto index) { body(PoolWindow<0, 0>(p), index); });
}

}  // namespace convtape::CONVTAPE_GPU
