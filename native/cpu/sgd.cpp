#include "cpu/kernels.h"
#include "cpu/vec.h"

namespace convtape::cpu::CONVTAPE_ISA {

void run(const Sgd::Params& p, const Operands& o, Context&) {
  const float* g = o.in[0].f32();
  float *w = o.out[0].f32(), *v = o.out[1].f32();
  const Vec lr = splat(static_cast<float>(-p.lr)), decay = splat(static_cast<float>(-p.weightDecay * p.lr));
  const Vec momentum = splat(static_cast<float>(p.momentum));
  constexpr int64_t kGrain = 1 << 15;
  parallelRanges(p.count, kGrain, [&](int64_t begin, int64_t end) {
    forVectors(begin, end, [&](int64_t i, auto lanes) {
      const Vec weight = lanes.load(w + i);
      const Vec step = fma(momentum, lanes.load(v + i), fma(decay, weight, lr * lanes.load(g + i)));
      lanes.store(v + i, step);
      lanes.store(w + i, weight + step);
    });
  });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
