// Where the operands of a product are read from. A product is y(row, column) = Σ_depth a(row, depth) · b(column, depth), so both of its
// operands are sources of the same kind: elements by row (b's rows are y's columns) and by depth, the index that is summed over. A
// convolution's windows are a source like a matrix, so no matrix of windows is ever made.
//
// A source has
//   kDepthInner          neighbours in memory are neighbours along the depth, else along the rows: how threads share the copying
//   Row row(i)           what of an element's place belongs to its row, Depth depth(k) what belongs to its depth
//   outsideRow(), outsideDepth()   those of rows and depths that do not exist
//   at(row, depth)       the address; null where the element is 0
//   vectors              whether four neighbours can be copied at once: they lie aligned and exist together (kVectors: ever)
//   batch(i)             the same source moved on to the i-th product
#pragma once

#include "cuda/index.cuh"

namespace convtape::CONVTAPE_GPU {

using Quotient = Divisor<uint32_t>;

// Sources whose address is the sum of an offset by row and one by depth. Map: int64_t offset(unsigned depth).
template <class Map, bool kInner>
struct Separable {
  static constexpr bool kDepthInner = kInner;
  static constexpr bool kVectors = Map::kVectors;
  using Row = int64_t;  // offsets; negative outside
  using Depth = int64_t;

  const float* data;  // (batch, rows, depth), by the strides and the map
  int64_t rowStride, batchStride;
  Map map;
  bool vectors;

  __device__ __forceinline__ Row row(unsigned i) const { return static_cast<int64_t>(i) * rowStride; }
  __device__ __forceinline__ Depth depth(unsigned k) const { return map.offset(k); }
  __device__ __forceinline__ static Row outsideRow() { return -1; }
  __device__ __forceinline__ static Depth outsideDepth() { return -1; }
  __device__ __forceinline__ const float* at(Row row, Depth depth) const { return (row | depth) < 0 ? nullptr : data + (row + depth); }
  __host__ __device__ __forceinline__ void batch(int64_t i) { data += i * batchStride; }
};

struct StridedDepth {
  static constexpr bool kVectors = true;
  int64_t stride;
  __device__ __forceinline__ int64_t offset(unsigned k) const { return static_cast<int64_t>(k) * stride; }
};

// A matrix in memory, rows × depth where kInner, else depth × rows; `stride` floats from one line to the next.
template <bool kInner>
using Matrix = Separable<StridedDepth, kInner>;

template <bool kInner>
Matrix<kInner> matrix(const float* data /* (batch, rows, depth), or (batch, depth, rows) */, int64_t rows, int64_t depth,
                      int64_t batchStride) {
  Matrix<kInner> m;
  const int64_t inner = kInner ? depth : rows;
  m.data = data;
  m.rowStride = kInner ? depth : 1;
  m.map.stride = kInner ? 1 : rows;
  m.batchStride = batchStride;
  m.vectors = inner % 4 == 0 && batchStride % 4 == 0 && aligned(data, 16);
  return m;
}

// Depth: the pixels of all images, one image behind the other.
struct ImagesByPixels {
  static constexpr bool kVectors = false;
  Quotient pixels;
  int64_t imageStride;
  __device__ __forceinline__ int64_t offset(unsigned k) const {
    unsigned pixel;
    const unsigned image = pixels.divide(k, &pixel);
    return image * imageStride + pixel;
  }
};

// Windows over images N×C×H×W: pixel (n,i,j) of the output and tap (c,r,s) of the kernel meet at
// x[n, c, i·strideHeight + r − paddingHeight, j·strideWidth + s − paddingWidth], or at 0 outside the image. Rows are the pixels and the
// depth is the taps, or the other way round.
struct WindowSizes {
  const float* data;  // (images, channels of all groups, height, width), from the first channel of a group on
  int height, width, strideHeight, strideWidth, paddingHeight, paddingWidth;
  int64_t channelStride, imageStride, batchStride;
  Quotient pixels, outWidth;   // outHeight · outWidth
  Quotient taps, kernelWidth;  // kernelHeight · kernelWidth

  struct Pixel {
    int64_t offset;
    int i, j;
  };
  struct Tap {
    int64_t offset;
    int r, s;
  };
  // Coordinates of what is outside; launchers refuse sizes and paddings above kMostExtent, so that no sum with one comes back in.
  static constexpr int kFar = 1 << 30;
  static constexpr int64_t kMostExtent = int64_t{1} << 28;

  __device__ __forceinline__ Pixel pixel(unsigned index) const {
    unsigned rest, column;
    const unsigned image = pixels.divide(index, &rest), line = outWidth.divide(rest, &column);
    const int i = static_cast<int>(line) * strideHeight - paddingHeight, j = static_cast<int>(column) * strideWidth - paddingWidth;
    return {image * imageStride + static_cast<int64_t>(i) * width + j, i, j};
  }
  __device__ __forceinline__ Tap tap(unsigned index) const {
    unsigned rest, s;
    const unsigned channel = taps.divide(index, &rest), r = kernelWidth.divide(rest, &s);
    return {channel * channelStride + static_cast<int64_t>(r) * width + s, static_cast<int>(r), static_cast<int>(s)};
  }
  __device__ __forceinline__ static Pixel outsidePixel() { return {0, kFar, kFar}; }
  __device__ __forceinline__ static Tap outsideTap() { return {0, kFar, kFar}; }
  __device__ __forceinline__ const float* meet(const Pixel& p, const Tap& t) const {
    const unsigned i = static_cast<unsigned>(p.i) + static_cast<unsigned>(t.r), j = static_cast<unsigned>(p.j) + static_cast<unsigned>(t.s);
    const bool inside = i < static_cast<unsigned>(height) && j < static_cast<unsigned>(width);
    return inside ? data + (p.offset + t.offset) : nullptr;
  }
  __host__ __device__ __forceinline__ void batch(int64_t i) { data += i * batchStride; }
};

struct PixelsByTaps : WindowSizes {
  static constexpr bool kDepthInner = false, kVectors = false, vectors = false;
  using Row = Pixel;
  using Depth = Tap;
  __device__ __forceinline__ Row row(unsigned i) const { return pixel(i); }
  __device__ __forceinline__ Depth depth(unsigned k) const { return tap(k); }
  __device__ __forceinline__ static Row outsideRow() { return outsidePixel(); }
  __device__ __forceinline__ static Depth outsideDepth() { return outsideTap(); }
  __device__ __forceinline__ const float* at(const Row& row, const Depth& depth) const { return meet(row, depth); }
};

struct TapsByPixels : WindowSizes {
  static constexpr bool kDepthInner = true, kVectors = false, vectors = false;
  using Row = Tap;
  using Depth = Pixel;
  __device__ __forceinline__ Row row(unsigned i) const { return tap(i); }
  __device__ __forceinline__ Depth depth(unsigned k) const { return pixel(k); }
  __device__ __forceinline__ static Row outsideRow() { return outsideTap(); }
  __device__ __forceinline__ static Depth outsideDepth() { return outsidePixel(); }
  __device__ __forceinline__ const float* at(const Row& row, const Depth& depth) const { return meet(depth, row); }
};

}  // namespace convtape::CONVTAPE_GPU
