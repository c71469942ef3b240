// Elementwise functions: 8 bytes moved an element forward, 12 backward, nothing else to gain or lose.
#include "cuda/index.cuh"
#include "cuda/kernels.h"

namespace convtape::CONVTAPE_GPU {
namespace {

template <class F>
__global__ void __launch_bounds__(kThreads, 4) unaryKernel(const float* x,  // (count)
                                                           float* y,        // (count)
                                                           int64_t count, int64_t vectors, F f) {
  forElements(count, vectors, [=](int64_t i, auto width) {
    auto p = loadPack<width.n>(x + i);
    CONVTAPE_UNROLL
    for (int j = 0; j < width.n; ++j) p.v[j] = f(p.v[j]);
    storePack(y + i, p);
  });
}

template <class F>
__global__ void __launch_bounds__(kThreads, 4) unaryGradKernel(const float* dy,     // (count)
                                                               const float* saved,  // (count)
                                                               float* dx,           // (count)
                                                               int64_t count, int64_t vectors, F f) {
  forElements(count, vectors, [=](int64_t i, auto width) {
    auto d = loadPack<width.n>(dy + i);
    const auto s = loadPack<width.n>(saved + i);
    CONVTAPE_UNROLL
    for (int j = 0; j < width.n; ++j) d.v[j] = f(d.v[j], s.v[j]);
    storePack(dx + i, d);
  });
}

struct Relu {
  __device__ float operator()(float x) const { return x < 0.0f ? 0.0f : x; }  // NaN stays
};
struct Tanh {
  __device__ float operator()(float x) const { return tanhf(x); }
};
// Written so that the exponential never overflows and small results keep their precision.
struct Sigmoid {
  __device__ float operator()(float x) const {
    const float e = expf(x < 0.0f ? x : -x);
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
  }
};
struct Neg {
  __device__ float operator()(float x) const { return -x; }
};
struct Exp {
  __device__ float operator()(float x) const { return expf(x); }
};
struct Log {
  __device__ float operator()(float x) const { return logf(x); }
};
struct Sqrt {
  __device__ float operator()(float x) const { return sqrtf(x); }
};
struct Square {
  __device__ float operator()(float x) const { return x * x; }
};
struct Abs {
  __device__ float operator()(float x) const { return __uint_as_float(__float_as_uint(x) & 0x7fffffffu); }
};

// Derivatives times dy. Products that a subtraction follows are rounded on their own, as on the CPU.
struct ReluGrad {
  __device__ float operator()(float dy, float y) const { return y <= 0.0f ? 0.0f : dy; }
};
struct TanhGrad {
  __device__ float operator()(float dy, float y) const { return dy * __fadd_rn(1.0f, -__fmul_rn(y, y)); }
};
struct SigmoidGrad {
  __device__ float operator()(float dy, float y) const { return dy * (y * (1.0f - y)); }
};
struct NegGrad {
  __device__ float operator()(float dy, float) const { return -dy; }
};
struct ExpGrad {
  __device__ float operator()(float dy, float y) const { return dy * y; }
};
struct LogGrad {
  __device__ float operator()(float dy, float x) const { return dy / x; }
};
struct SqrtGrad {
  __device__ float operator()(float dy, float y) const { return dy / (2.0f * y); }
};
struct SquareGrad {
  __device__ float operator()(float dy, float x) const { return dy * (2.0f * x); }
};
struct AbsGrad {
  __device__ float operator()(float dy, float x) const { return x > 0.0f ? dy : x < 0.0f ? -dy : 0.0f; }
};

template <class F>
void unary(const Unary::Params& p, const Operands& o, Context& context, F f) {
  const float* x = o.in[0].f32();  // (count)
  float* y = o.out[0].f32();       // (count)
  const int64_t vectors = vectorsOf(p.count, aligned(x, 16) && aligned(y, 16));
  context.launch("unary", unaryKernel<F>, elementGrid(p.count, vectors, context.multiprocessors), kThreads, 0, x, y, p.count, vectors, f);
}

template <class F>
void unaryGrad(const UnaryGrad::Params& p, const Operands& o, Context& context, F f) {
  const float *dy = o.in[0].f32(), *saved = o.in[1].f32();  // (count)
  float* dx = o.out[0].f32();                               // (count)
  const int64_t vectors = vectorsOf(p.count, aligned(dy, 16) && aligned(saved, 16) && aligned(dx, 16));
  context.launch("unaryGrad", unaryGradKernel<F>, elementGrid(p.count, vectors, context.multiprocessors), kThreads, 0, dy, saved, dx,
                 p.count, vectors, f);
}

}  // namespace

void run(const Unary::Params& p, const Operands& o, Context& context) {
  if (p.count == 0) return;
  switch (p.function) {
    case UnaryFunction::Relu:
      return unary(p, o, context, Relu{});
    case UnaryFunction::Tanh:
      return unary(p, o, context, Tanh{});
    case UnaryFunction::Sigmoid:
      return unary(p, o, context, Sigmoid{});
    case UnaryFunction::Neg:
      return unary(p, o, context, Neg{});
    case UnaryFunction::Exp:
      return unary(p, o, context, Exp{});
    case UnaryFunction::Log:
      return unary(p, o, context, Log{});
    case UnaryFunction::Sqrt:
      return unary(p, o, context, Sqrt{});
    case UnaryFunction::Square:
      return unary(p, o, context, Square{});
    case UnaryFunction::Abs:
      return unary(p, o, context, Abs{});
  }
}

void run(const UnaryGrad::Params& p, const Operands& o, Context& context) {
  if (p.count == 0) return;
  switch (p.function) {
    case UnaryFunction::Relu:
      return unaryGrad(p, o, context, ReluGrad{});
    case UnaryFunction::Tanh:
      return unaryGrad(p, o, context, TanhGrad{});
    case UnaryFunction::Sigmoid:
      return unaryGrad(p, o, context, SigmoidGrad{});
    case UnaryFunction::Neg:
      return unaryGrad(p, o, context, NegGrad{});
    case UnaryFunction::Exp:
      return unaryGrad(p, o, context, ExpGrad{});
    case UnaryFunction::Log:
      return unaryGrad(p, o, context, LogGrad{});
    case UnaryFunction::Sqrt:
      return unaryGrad(p, o, context, SqrtGrad{});
    case UnaryFunction::Square:
      return unaryGrad(p, o, context, SquareGrad{});
    case UnaryFunction::Abs:
      return unaryGrad(p, o, context, AbsGrad{});
  }
}

}  // namespace convtape::CONVTAPE_GPU
