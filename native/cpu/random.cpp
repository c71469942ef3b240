#include "core/philox.h"
#include "cpu/kernels.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

constexpr int64_t kGrain = 1 << 12;  // counters a task: four elements each
constexpr int kBlock = 16;           // counters drawn together, so that the loop below is vectorised

// draw(words, four floats); element i is the (i mod 4)th of counter i/4.
template <class Draw>
void generate(const Random::Params& p, float* y, Draw draw) {
  const uint64_t key = static_cast<uint64_t>(p.seed);
  parallelRanges((p.count + 3) / 4, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; c += kBlock) {
      float values[kBlock * 4];
      for (int l = 0; l < kBlock; ++l) draw(philox(static_cast<uint64_t>(c + l), key), values + 4 * l);
      const int64_t left = p.count - 4 * c;
      const int64_t n = left < kBlock * 4 ? left : kBlock * 4;
      for (int64_t i = 0; i < n; ++i) y[4 * c + i] = values[i];
    }
  });
}

// The largest float below x.
float below(float x) {
  int32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  bits = x == 0 ? static_cast<int32_t>(0x80000001u) : x > 0 ? bits - 1 : bits + 1;
  __builtin_memcpy(&x, &bits, sizeof x);
  return x;
}

}  // namespace

void run(const Random::Params& p, const Operands& o, Context&) {
  float* y = o.out[0].f32();
  const float a = p.a, b = p.b;
  if (p.distribution == Distribution::Normal) {
    generate(p, y, [=](Philox4 w, float* to) {
      float z[4];
      normalPair(w.v[0], w.v[1], z[0], z[1]);
      normalPair(w.v[2], w.v[3], z[2], z[3]);
      for (int i = 0; i < 4; ++i) to[i] = __builtin_fmaf(b, z[i], a);
    });
    return;
  }
  const float span = b - a, top = below(b);  // rounding may not reach b
  generate(p, y, [=](Philox4 w, float* to) {
    for (int i = 0; i < 4; ++i) {
      const float u = __builtin_fmaf(span, unitFloat(w.v[i]), a);
      to[i] = u < top ? u : top;
    }
  });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
