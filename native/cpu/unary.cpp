#include "cpu/kernels.h"
#include "cpu/math.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

constexpr int64_t kGrain = 1 << 14;

template <class F>
void unary(const Unary::Params& p, const Operands& o, F f) {
  const float* x = o.in[0].f32();
  float* y = o.out[0].f32();
  parallelRanges(p.count, kGrain, [&](int64_t begin, int64_t end) {
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) store(y + i, f(load(x + i)));
    if (i < end) storeFirst(y + i, f(loadFirst(x + i, static_cast<int>(end - i))), static_cast<int>(end - i));
  });
}

template <class F>
void unaryGrad(const Unary::Params& p, const Operands& o, F f) {
  const float *dy = o.in[0].f32(), *saved = o.in[1].f32();
  float* dx = o.out[0].f32();
  parallelRanges(p.count, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) dx[i] = f(dy[i], saved[i]);
  });
}

}  // namespace

void run(const Unary::Params& p, const Operands& o, Context&) {
  switch (p.function) {
    case UnaryFunction::Relu:
      return unary(p, o, [](Vec x) { return x < 0.0f ? Vec{} : x; });  // NaN stays
    case UnaryFunction::Tanh:
      return unary(p, o, [](Vec x) { return tanh(x); });
    case UnaryFunction::Sigmoid:
      return unary(p, o, [](Vec x) { return sigmoid(x); });
    case UnaryFunction::Neg:
      return unary(p, o, [](Vec x) { return -x; });
    case UnaryFunction::Exp:
      return unary(p, o, [](Vec x) { return exp(x); });
    case UnaryFunction::Log:
      return unary(p, o, [](Vec x) { return log(x); });
    case UnaryFunction::Sqrt:
      return unary(p, o, [](Vec x) { return sqrt(x); });
    case UnaryFunction::Square:
      return unary(p, o, [](Vec x) { return x * x; });
    case UnaryFunction::Abs:
      return unary(p, o, [](Vec x) { return reinterpret_cast<Vec>(reinterpret_cast<VecI>(x) & 0x7fffffff); });
  }
}

void run(const UnaryGrad::Params& p, const Operands& o, Context&) {
  switch (p.function) {
    case UnaryFunction::Relu:
      return unaryGrad(p, o, [](float dy, float y) { return y <= 0 ? 0 : dy; });
    case UnaryFunction::Tanh:
      return unaryGrad(p, o, [](float dy, float y) { return dy * (1 - y * y); });
    case UnaryFunction::Sigmoid:
      return unaryGrad(p, o, [](float dy, float y) { return dy * (y * (1 - y)); });
    case UnaryFunction::Neg:
      return unaryGrad(p, o, [](float dy, float) { return -dy; });
    case UnaryFunction::Exp:
      return unaryGrad(p, o, [](float dy, float y) { return dy * y; });
    case UnaryFunction::Log:
      return unaryGrad(p, o, [](float dy, float x) { return dy / x; });
    case UnaryFunction::Sqrt:
      return unaryGrad(p, o, [](float dy, float y) { return dy / (2 * y); });
    case UnaryFunction::Square:
      return unaryGrad(p, o, [](float dy, float x) { return dy * (2 * x); });
    case UnaryFunction::Abs:
      return unaryGrad(p, o, [](float dy, float x) { return x > 0 ? dy : x < 0 ? -dy : 0; });
  }
}

}  // namespace convtape::cpu::CONVTAPE_ISA
