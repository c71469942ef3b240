#include <cmath>

#include "cpu/kernels.h"

namespace convtape::cpu::CONVTAPE_ISA {

constexpr int64_t kGrain = 1 << 14;

void run(const Unary::Params& p, const Operands& o, Context&) {
  const float* x = o.in[0].f32();
  float* y = o.out[0].f32();
  parallelRanges(p.count, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) y[i] = x[i] > 0 ? x[i] : 0;
  });
}

void run(const UnaryGrad::Params& p, const Operands& o, Context&) {
  const float *dy = o.in[0].f32(), *y = o.in[1].f32();
  float* dx = o.out[0].f32();
  parallelRanges(p.count, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) dx[i] = y[i] > 0 ? dy[i] : 0;
  });
}

void run(const Binary::Params& p, const Operands& o, Context&) {
  (void)p;
  (void)o;
}
void run(const Random::Params&, const Operands&, Context&) {}
void run(const Matmul::Params&, const Operands&, Context&) {}
void run(const Fill::Params& p, const Operands& o, Context&) {
  if (o.out[0].dtype == DType::F32)
    for (int64_t i = 0; i < p.count; ++i) o.out[0].f32()[i] = static_cast<float>(p.value);
}

}  // namespace convtape::cpu::CONVTAPE_ISA
