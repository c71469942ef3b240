// Sum, mean and maximum over some axes: 4 bytes moved an element. Sums are made in float64, as on the CPU: one addition for every four
// bytes is less than what any card has for that, and a float32 sum of millions would lose digits.
#include "cuda/reduce.cuh"

namespace convtape::CONVTAPE_GPU {
namespace {

struct Total {
  using Acc = double;
  double divisor;
  __device__ double start() const { return 0; }
  __device__ double element(float x, int64_t, int64_t) const { return x; }
  __device__ double join(double a, double b) const { return a + b; }
  __device__ float finish(double a) const { return static_cast<float>(a / divisor); }
};

struct Largest {
  using Acc = double;
  __device__ double start() const { return -HUGE_VAL; }
  __device__ double element(float x, int64_t, int64_t) const { return x; }
  __device__ double join(double a, double b) const { return largerOrNan(a, b); }
  __device__ float finish(double a) const { return static_cast<float>(a); }
};

// How many elements equal the maximum.
struct Ties {
  using Acc = long long;
  const float* y;  // (outputs)
  __device__ long long start() const { return 0; }
  __device__ long long element(float x, int64_t output, int64_t) const { return x == y[output]; }
  __device__ long long join(long long a, long long b) const { return a + b; }
  __device__ long long finish(long long a) const { return a; }
};

template <class Index>
__global__ void __launch_bounds__(kThreads)
    maxGradKernel(const float* __restrict__ dy,        // (outputs)
                  const float* __restrict__ x,         // kept and reduced strides
                  const float* __restrict__ y,         // (outputs)
                  const long long* __restrict__ ties,  // (outputs)
                  float* __restrict__ dx,              // as x
                  Walk<Index, 1> kept, Walk<Index, 1> reduced, Divisor<Index> inner, bool columns, int64_t count) {
  for (int64_t u = globalThread(); u < count; u += gridThreads()) {
    // Along whichever of the two has its elements closer together.
    Index low, at[1] = {0};
    const Index high = inner.divide(static_cast<Index>(u), &low);
    const Index output = columns ? low : high, term = columns ? high : low;
    kept.locate(output, at);
    reduced.locate(term, at);
    const float v = x[at[0]], top = y[output];
    const long long n = ties[output];
    // 0/0 where the maximum is NaN, which equals nothing: the gradient is NaN, as PyTorch's is.
    dx[at[0]] = v == top ? dy[output] / static_cast<float>(n) : n ? 0.0f : __int_as_float(0x7fc00000);
  }
}

}  // namespace

void run(const Reduce::Params& p, const Operands& o, Context& context) {
  const Axes<1> kept(p.shape, {&p.strides}), reduced(p.reduced, {&p.reducedStrides});
  if (kept.count() == 0) return;
  if (p.function == Reduction::Max) return reduceStrided("reduce max", kept, reduced, o.in[0].f32(), o.out[0].f32(), Largest{}, context);
  const double divisor = p.function == Reduction::Mean ? static_cast<double>(reduced.count()) : 1;
  reduceStrided("reduce sum", kept, reduced, o.in[0].f32(), o.out[0].f32(), Total{divisor}, context);
}

void run(const MaxGrad::Params& p, const Operands& o, Context& context) {
  const Axes<1> kept(p.shape, {&p.strides}), reduced(p.reduced, {&p.reducedStrides});
  const float *dy = o.in[0].f32(), *y = o.in[2].f32();  // (outputs)
  const float* x = o.in[1].f32();                       // kept and reduced strides
  float* dx = o.out[0].f32();                           // as x
  const int64_t outputs = kept.count(), terms = reduced.count(), count = outputs * terms;
  if (count == 0) return;
  long long* ties = context.scratch<long long>(static_cast<size_t>(outputs));  // (outputs)
  reduceStrided("maxGrad ties", kept, reduced, x, ties, Ties{y}, context);
  const bool columns = kept.inner() > 1 && kept.innerStride(0) < reduced.innerStride(0);
  withIndex(count > o.in[1].count ? count : o.in[1].count, [&](auto index) {
    using Index = decltype(index);
    context.launch("maxGrad", maxGradKernel<Index>, gridFor(count, context.multiprocessors), kThreads, 0, dy, x, y, ties, dx,
                   Walk<Index, 1>(kept), Walk<Index, 1>(reduced), Divisor<Index>(columns ? outputs : terms), columns, count);
  });
}

}  // namespace convtape::CONVTAPE_GPU
