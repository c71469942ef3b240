#include "cpu/kernels.h"
#include "cpu/math.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {}  // namespace

void run(const Softmax::Params& p, const Operands& o, Context&) {
  const float* x = o.in[0].f32();
  float* y = o.out[0].f32();
  auto row = [&](int64_t i) {
    const int64_t base = i / p.inner * p.axis * p.inner + i % p.inner;
    const float* from = x + base;
    float* to = y + base;
    float m = -__builtin_inff();
    for (int64_t c = 0; c < p.axis; ++c) m = from[c * p.inner] > m ? from[c * p.inner] : m;
    double sum = 0;
    for (int64_t c = 0; c < p.axis; ++c) {
      const float e = exp(splat(from[c * p.inner] - m))[0];
      sum += static_cast<double>(e);
      to[c * p.inner] = e;
    }
    const float total = static_cast<float>(sum), logTotal = log(splat(total))[0];
    for (int64_t c = 0; c < p.axis; ++c) to[c * p.inner] = p.log ? from[c * p.inner] - m - logTotal : to[c * p.inner] / total;
  };
  parallelFor(p.outer * p.inner, row);
}

void run(const SoftmaxGrad::Params& p, const Operands& o, Context&) {
  const float *dy = o.in[0].f32(), *y = o.in[1].f32();
  float* dx = o.out[0].f32();
  auto row = [&](int64_t i) {
    const int64_t base = i / p.inner * p.axis * p.inner + i % p.inner;
    double sum = 0;
    for (int64_t c = 0; c < p.axis; ++c) {
      const int64_t at = base + c * p.inner;
      sum += static_cast<double>(p.log ? dy[at] : dy[at] * y[at]);
    }
    const float total = static_cast<float>(sum);
    for (int64_t c = 0; c < p.axis; ++c) {
      const int64_t at = base + c * p.inner;
      dx[at] = p.log ? dy[at] - exp(splat(y[at]))[0] * total : y[at] * (dy[at] - total);
    }
  };
  parallelFor(p.outer * p.inner, row);
}

}  // namespace convtape::cpu::CONVTAPE_ISA
