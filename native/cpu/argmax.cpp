#include "cpu/kernels.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

constexpr int64_t kWork = 1 << 14;  // elements a task looks at

int32_t argmax(const float* x, int64_t n, int64_t stride) {
  int64_t best = 0;
  for (int64_t i = 1; i < n && x[best * stride] == x[best * stride]; ++i) {
    const float v = x[i * stride];
    if (v > x[best * stride] || v != v) best = i;
  }
  return static_cast<int32_t>(best);
}

}  // namespace

void run(const Argmax::Params& p, const Operands& o, Context&) {
  const float* x = o.in[0].f32();
  int32_t* y = o.out[0].i32();
  parallelRanges(p.outer * p.inner, p.n < kWork ? kWork / p.n : 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) y[i] = argmax(x + i / p.inner * p.n * p.inner + i % p.inner, p.n, p.inner);
  });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
