// Elementwise functions of two tensors with broadcasting: 12 bytes moved an element where neither operand is broadcast, 8 where one is;
// the smaller operand of a broadcast stays in the caches.
#include "cuda/index.cuh"
#include "cuda/kernels.h"

namespace convtape::CONVTAPE_GPU {
namespace {

// The five functions. `maximum` is NaN where either is.
struct Add {
  __device__ float operator()(float a, float b) const { return a + b; }
};
struct Sub {
  __device__ float operator()(float a, float b) const { return a - b; }
};
struct Mul {
  __device__ float operator()(float a, float b) const { return a * b; }
};
struct Div {
  __device__ float operator()(float a, float b) const { return a / b; }
};
struct Maximum {
  __device__ float operator()(float a, float b) const { return (a > b) | (a != a) ? a : b; }
};

// Their partial derivatives. A tie of `maximum` gives each side half; where one side is NaN both take the whole, so that it shows.
struct DivB {
  __device__ float operator()(float dy, float a, float b) const { return -dy * ((a / b) / b); }
};
struct MaximumA {
  __device__ float operator()(float dy, float a, float b) const { return a < b ? 0.0f : a == b ? dy * 0.5f : dy; }
};
struct MaximumB {
  __device__ float operator()(float dy, float a, float b) const { return a > b ? 0.0f : a == b ? dy * 0.5f : dy; }
};

// kWidth neighbours along the innermost axis, along which an operand has stride 0 or 1 where kWidth is 4.
template <int kWidth>
__device__ __forceinline__ Pack<float, kWidth> loadAlong(const float* p /* (kWidth), or (1) where broadcast */, bool broadcast) {
  if (kWidth == 1 || !broadcast) return loadPack<kWidth>(p);
  Pack<float, kWidth> pack;
  CONVTAPE_UNROLL
  for (int j = 0; j < kWidth; ++j) pack.v[j] = *p;
  return pack;
}

template <class F, class Index, int kWidth>
__global__ void __launch_bounds__(kThreads) binaryKernel(const float* a,  // walk.stride[0]
                                                         const float* b,  // walk.stride[1]
                                                         float* y,        // (count)
                                                         int64_t count, Walk<Index, 2> walk, bool aBroadcast, bool bBroadcast, F f) {
  for (int64_t i = kWidth * globalThread(); i < count; i += kWidth * gridThreads()) {
    Index at[2] = {0, 0};
    walk.locate(static_cast<Index>(i), at);
    auto p = loadAlong<kWidth>(a + at[0], aBroadcast);
    const auto q = loadAlong<kWidth>(b + at[1], bBroadcast);
    CONVTAPE_UNROLL
    for (int j = 0; j < kWidth; ++j) p.v[j] = f(p.v[j], q.v[j]);
    storePack(y + i, p);
  }
}

template <class F, class Index, int kWidth>
__global__ void __launch_bounds__(kThreads) binaryGradKernel(const float* dy,  // (count)
                                                             const float* a,   // walk.stride[0]
                                                             const float* b,   // walk.stride[1]
                                                             float* d,         // (count)
                                                             int64_t count, Walk<Index, 2> walk, bool aBroadcast, bool bBroadcast, F f) {
  for (int64_t i = kWidth * globalThread(); i < count; i += kWidth * gridThreads()) {
    Index at[2] = {0, 0};
    walk.locate(static_cast<Index>(i), at);
    auto g = loadPack<kWidth>(dy + i);
    const auto p = loadAlong<kWidth>(a + at[0], aBroadcast);
    const auto q = loadAlong<kWidth>(b + at[1], bBroadcast);
    CONVTAPE_UNROLL
    for (int j = 0; j < kWidth; ++j) g.v[j] = f(g.v[j], p.v[j], q.v[j]);
    storePack(d + i, g);
  }
}

// Whether four neighbours can always be moved together: rows are multiples of four, and what is contiguous starts at multiples of four.
bool inFours(const Axes<2>& axes, const float* a /* axes.stride[0] */, const float* b /* axes.stride[1] */) {
  const float* const operand[2] = {a, b};  // as a, as b
  if (axes.inner() % 4) return false;
  for (int k = 0; k < 2; ++k) {
    if (axes.innerStride(k) == 0) continue;
    if (axes.innerStride(k) != 1 || !aligned(operand[k], 16)) return false;
    for (int d = 0; d < axes.rank - 1; ++d)
      if (axes.stride[k][d] % 4) return false;
  }
  return true;
}

template <class F>
void binary(const Binary::Params& p, const Operands& o, Context& context, F f) {
  const Axes<2> axes(p.shape, {&p.aStrides, &p.bStrides});
  const float *a = o.in[0].f32(), *b = o.in[1].f32();  // p.aStrides, p.bStrides
  float* y = o.out[0].f32();                           // p.shape
  const int64_t count = axes.count();
  if (count == 0) return;
  const bool aBroadcast = axes.innerStride(0) == 0, bBroadcast = axes.innerStride(1) == 0;
  const bool fours = inFours(axes, a, b) && aligned(y, 16);
  withIndex(axes.reach(), [&](auto index) {
    using Index = decltype(index);
    const unsigned grid = gridFor(fours ? count / 4 : count, context.multiprocessors);
    context.launch("binary", fours ? binaryKernel<F, Index, 4> : binaryKernel<F, Index, 1>, grid, kThreads, 0, a, b, y, count,
                   Walk<Index, 2>(axes), aBroadcast, bBroadcast, f);
  });
}

template <class F>
void binaryGrad(const BinaryGrad::Params& p, const Operands& o, Context& context, F f) {
  const Axes<2> axes(p.shape, {&p.aStrides, &p.bStrides});
  const float* dy = o.in[0].f32();                     // p.shape
  const float *a = o.in[1].f32(), *b = o.in[2].f32();  // p.aStrides, p.bStrides
  float* d = o.out[0].f32();                           // p.shape
  const int64_t count = axes.count();
  if (count == 0) return;
  const bool aBroadcast = axes.innerStride(0) == 0, bBroadcast = axes.innerStride(1) == 0;
  const bool fours = inFours(axes, a, b) && aligned(dy, 16) && aligned(d, 16);
  withIndex(axes.reach(), [&](auto index) {
    using Index = decltype(index);
    const unsigned grid = gridFor(fours ? count / 4 : count, context.multiprocessors);
    context.launch("binaryGrad", fours ? binaryGradKernel<F, Index, 4> : binaryGradKernel<F, Index, 1>, grid, kThreads, 0, dy, a, b, d,
                   count, Walk<Index, 2>(axes), aBroadcast, bBroadcast, f);
  });
}

}  // namespace

void run(const Binary::Params& p, const Operands& o, Context& context) {
  switch (p.function) {
    case BinaryFunction::Add:
      return binary(p, o, context, Add{});
    case BinaryFunction::Sub:
      return binary(p, o, context, Sub{});
    case BinaryFunction::Mul:
      return binary(p, o, context, Mul{});
    case BinaryFunction::Div:
      return binary(p, o, context, Div{});
    case BinaryFunction::Maximum:
      return binary(p, o, context, Maximum{});
  }
}

void run(const BinaryGrad::Params& p, const Operands& o, Context& context) {
  switch (p.partial) {
    case BinaryPartial::DivB:
      return binaryGrad(p, o, context, DivB{});
    case BinaryPartial::MaximumA:
      return binaryGrad(p, o, context, MaximumA{});
    case BinaryPartial::MaximumB:
      return binaryGrad(p, o, context, MaximumB{});
  }
}

}  // namespace convtape::CONVTAPE_GPU
