// How kernels find their elements: division by numbers that a launch fixes, loops over the grid, four neighbours at a time, walks over
// strided operands.
#pragma once

#include <cuda_runtime.h>
#include <stdint.h>

#include "core/operand.h"

#ifdef __CUDACC__
#define CONVTAPE_UNROLL _Pragma("unroll")
#else
#define CONVTAPE_UNROLL
#endif

namespace convtape::CONVTAPE_GPU {

// Numbers of elements up to which kernels compute with 32-bit indices, half as many registers and a fifth of the instructions.
#ifndef CONVTAPE_NARROW_LIMIT
#define CONVTAPE_NARROW_LIMIT 0x7fffffff
#endif
constexpr int64_t kNarrowLimit = CONVTAPE_NARROW_LIMIT;

// body(uint32_t{}) where every index is at most kNarrowLimit, else body(uint64_t{}).
template <class Body>
void withIndex(int64_t largest, Body&& body) {
  if (largest <= kNarrowLimit)
    body(uint32_t{});
  else
    body(uint64_t{});
}

// n / d and n % d. Of 32 bits: by a multiplication and a shift (Granlund, Montgomery: "Division by invariant integers using
// multiplication", 1994), right for n and d below 2^31.
template <class Index>
struct Divisor;

template <>
struct Divisor<uint32_t> {
  uint32_t d = 1, magic = 1, shift = 0;
  Divisor() = default;
  explicit Divisor(int64_t divisor) : d(static_cast<uint32_t>(divisor)) {
    while ((uint64_t{1} << shift) < d) ++shift;
    magic = static_cast<uint32_t>((((uint64_t{1} << shift) - d) << 32) / d + 1);
  }
  __device__ __forceinline__ uint32_t divide(uint32_t n) const { return (__umulhi(n, magic) + n) >> shift; }
  __device__ __forceinline__ uint32_t divide(uint32_t n, uint32_t* remainder /* (1) */) const {
    const uint32_t q = divide(n);
    *remainder = n - q * d;
    return q;
  }
};

template <>
struct Divisor<uint64_t> {
  uint64_t d = 1;
  Divisor() = default;
  explicit Divisor(int64_t divisor) : d(static_cast<uint64_t>(divisor)) {}
  __device__ __forceinline__ uint64_t divide(uint64_t n) const { return n / d; }
  __device__ __forceinline__ uint64_t divide(uint64_t n, uint64_t* remainder /* (1) */) const {
    const uint64_t q = n / d;
    *remainder = n - q * d;
    return q;
  }
};

constexpr int kThreads = 256;  // of a block, where nothing else is said

// Blocks for `count` threads' worth of work: as many as that takes, at most enough to fill the device several times; the loops below
// then go round. Results do not depend on it.
inline unsigned gridFor(int64_t count, int multiprocessors, int threads = kThreads) {
  const int64_t wanted = (count + threads - 1) / threads, most = static_cast<int64_t>(multiprocessors) * 64;
  const int64_t blocks = wanted < most ? wanted : most;
  return static_cast<unsigned>(blocks < 1 ? 1 : blocks);
}

__device__ __forceinline__ int64_t globalThread() { return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ __forceinline__ int64_t gridThreads() { return static_cast<int64_t>(gridDim.x) * blockDim.x; }

// kWidth neighbouring elements, moved in one access where that is possible.
template <class T, int kWidth>
struct alignas(sizeof(T) * kWidth) Pack {
  T v[kWidth];
};
template <int kWidth, class T>
__device__ __forceinline__ Pack<T, kWidth> loadPack(const T* p /* (kWidth) */) {
  return *reinterpret_cast<const Pack<T, kWidth>*>(p);
}
template <int kWidth, class T>
__device__ __forceinline__ void storePack(T* p /* (kWidth) */, const Pack<T, kWidth>& pack) {
  *reinterpret_cast<Pack<T, kWidth>*>(p) = pack;
}

inline bool aligned(const void* p, size_t bytes) { return reinterpret_cast<uintptr_t>(p) % bytes == 0; }

// one(i, Width) for the elements [0, count), four at a time up to 4·vectors, then singly: Width::n of them from element i on.
template <int kWidth>
struct Elements {
  static constexpr int n = kWidth;
};
template <class One>
__device__ __forceinline__ void forElements(int64_t count, int64_t vectors, One&& one) {
  for (int64_t v = globalThread(); v < vectors; v += gridThreads()) one(4 * v, Elements<4>{});
  for (int64_t i = 4 * vectors + globalThread(); i < count; i += gridThreads()) one(i, Elements<1>{});
}
// Groups of four where every operand is aligned to them.
inline int64_t vectorsOf(int64_t count, bool aligned) { return aligned ? count / 4 : 0; }
inline unsigned elementGrid(int64_t count, int64_t vectors, int multiprocessors) {
  return gridFor(vectors ? vectors + 3 : count, multiprocessors);
}

// A walk over the indices of a shape for N operands with element strides of their own. Adjacent axes that every operand walks as one
// are merged, so that most shapes end as one or two long axes.
template <int N>
struct Axes {
  int rank = 0;  // at least 1
  int64_t size[kMaxRank] = {};
  int64_t stride[N][kMaxRank] = {};

  Axes(const Dims& shape, const Dims* const (&strides)[N]) {
    for (int d = 0; d < shape.rank; ++d) {
      if (shape[d] == 1) continue;
      bool merge = rank > 0;
      for (int k = 0; k < N && merge; ++k) merge = stride[k][rank - 1] == (*strides[k])[d] * shape[d];
      if (!merge) ++rank;
      size[rank - 1] = merge ? size[rank - 1] * shape[d] : shape[d];
      for (int k = 0; k < N; ++k) stride[k][rank - 1] = (*strides[k])[d];
    }
    if (rank == 0) size[rank++] = 1;
  }
  // One axis.
  Axes(int64_t length, int64_t step) : rank(1) {
    size[0] = length;
    stride[0][0] = step;
  }
  int64_t inner() const { return size[rank - 1]; }
  int64_t innerStride(int k) const { return stride[k][rank - 1]; }
  int64_t count() const {
    int64_t n = 1;
    for (int d = 0; d < rank; ++d) n *= size[d];
    return n;
  }
  // The largest index and the largest offset there are.
  int64_t reach() const {
    int64_t most = count();
    for (int k = 0; k < N; ++k) {
      int64_t last = 0;
      for (int d = 0; d < rank; ++d) last += (size[d] - 1) * stride[k][d];
      most = last > most ? last : most;
    }
    return most;
  }
};

// What a kernel is given of it.
template <class Index, int N>
struct Walk {
  int rank;
  Divisor<Index> size[kMaxRank];
  Index stride[N][kMaxRank];

  // Of the axes [0, rank); `rank` may be 0.
  Walk(const Axes<N>& axes, int rank) : rank(rank) {
    for (int d = 0; d < kMaxRank; ++d) {
      size[d] = Divisor<Index>(d < rank ? axes.size[d] : 1);
      for (int k = 0; k < N; ++k) stride[k][d] = d < rank ? static_cast<Index>(axes.stride[k][d]) : 0;
    }
  }
  explicit Walk(const Axes<N>& axes) : Walk(axes, axes.rank) {}

  // Adds where index number `linear` (row-major) is in each operand.
  __device__ __forceinline__ void locate(Index linear, Index (&offset)[N]) const {
    CONVTAPE_UNROLL
    for (int d = kMaxRank - 1; d >= 0; --d)
      if (d < rank) {
        Index i = linear;
        if (d > 0) linear = size[d].divide(linear, &i);
        CONVTAPE_UNROLL
        for (int k = 0; k < N; ++k) offset[k] += i * stride[k][d];
      }
  }
};

}  // namespace convtape::CONVTAPE_GPU
