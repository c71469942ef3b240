#include "core/philox.h"
#include "cpu/kernels.h"

namespace convtape::cpu::CONVTAPE_ISA {

void run(const Dropout::Params& p, const Operands& o, Context&) {
  const float* x = o.in[0].f32();
  float* y = o.out[0].f32();
  const uint64_t limit = static_cast<uint64_t>(p.keep * 0x1p32);
  constexpr int64_t kGrain = 1 << 14;
  parallelRanges(p.count, kGrain, [&](int64_t begin, int64_t end) {
    Philox4 words{};
    int64_t counter = -1;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t draw = i / p.columns * p.pitch + p.offset + i % p.columns;
      if (draw / 4 != counter) {
        counter = draw / 4;
        words = philox(static_cast<uint64_t>(counter), static_cast<uint64_t>(p.seed));
      }
      y[i] = words.v[draw % 4] < limit ? x[i] * p.scale : 0;
    }
  });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
