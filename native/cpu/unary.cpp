#include "cpu/elements.h"
#include "cpu/math.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

template <class F>
void unary(const Unary::Params& p, const Operands& o, F f) {
  const float* x = o.in[0].f32();
  float* y = o.out[0].f32();
  forElements(y, p.count, [&](int64_t i, auto lanes) { lanes.store(y + i, f(lanes.load(x + i))); });
}

template <class F>
void unaryGrad(const Unary::Params& p, const Operands& o, F f) {
  const float *dy = o.in[0].f32(), *saved = o.in[1].f32();
  float* dx = o.out[0].f32();
  forElements(dx, p.count, [&](int64_t i, auto lanes) { lanes.store(dx + i, f(lanes.load(dy + i), lanes.load(saved + i))); });
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
      return unaryGrad(p, o, [](Vec dy, Vec y) { return y <= 0.0f ? Vec{} : dy; });
    case UnaryFunction::Tanh:
      return unaryGrad(p, o, [](Vec dy, Vec y) { return dy * (1.0f - y * y); });
    case UnaryFunction::Sigmoid:
      return unaryGrad(p, o, [](Vec dy, Vec y) { return dy * (y * (1.0f - y)); });
    case UnaryFunction::Neg:
      return unaryGrad(p, o, [](Vec dy, Vec) { return -dy; });
    case UnaryFunction::Exp:
      return unaryGrad(p, o, [](Vec dy, Vec y) { return dy * y; });
    case UnaryFunction::Log:
      return unaryGrad(p, o, [](Vec dy, Vec x) { return dy / x; });
    case UnaryFunction::Sqrt:
      return unaryGrad(p, o, [](Vec dy, Vec y) { return dy / (2.0f * y); });
    case UnaryFunction::Square:
      return unaryGrad(p, o, [](Vec dy, Vec x) { return dy * (2.0f * x); });
    case UnaryFunction::Abs:
      return unaryGrad(p, o, [](Vec dy, Vec x) { return x > 0.0f ? dy : x < 0.0f ? -dy : Vec{}; });
  }
}

}  // namespace convtape::cpu::CONVTAPE_ISA
