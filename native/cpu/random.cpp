#include "cpu/kernels.h"
#include "cpu/philox_vec.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

constexpr int64_t kGrain = 1 << 12;  // counters a task: four elements each
constexpr int kWords = PhiloxVec::kWords;

// draw(kWords words, to as many floats): element i is made of word i mod 4 of counter ⌊i/4⌋, and perhaps of its neighbours.
template <class Draw>
void generate(const Random::Params& p, float* y, Draw draw) {
  const PhiloxVec philox(static_cast<uint64_t>(p.seed));
  const int64_t count = p.count;
  parallelRanges((count + 3) / 4, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; c += PhiloxVec::kCounters) {
      VecU vectors[PhiloxVec::kVectors];
      philox(static_cast<uint64_t>(c), vectors);
      uint32_t words[kWords];
      memcpy(words, vectors, sizeof words);
      float values[kWords];
      draw(words, values);
      const int64_t left = count - 4 * c;
      memcpy(y + 4 * c, values, static_cast<size_t>(left < kWords ? left : kWords) * sizeof(float));
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
    generate(p, y, [=](const uint32_t* words, float* to) {
      for (int i = 0; i < kWords; i += 2) normalPair(words[i], words[i + 1], &to[i], &to[i + 1]);
      for (int i = 0; i < kWords; ++i) to[i] = mulAdd(b, to[i], a);
    });
    return;
  }
  const float span = b - a, top = below(b);  // rounding may not reach b
  generate(p, y, [=](const uint32_t* words, float* to) {
    for (int i = 0; i < kWords; ++i) {
      const float u = mulAdd(span, unitFloat(words[i]), a);
      to[i] = u < top ? u : top;
    }
  });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
