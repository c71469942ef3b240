#include "cpu/kernels.h"
#include "cpu/philox_vec.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

constexpr int64_t kGrain = 1 << 12;  // counters a task: four elements each
constexpr int kBlock = PhiloxVec::kCounters;

// draw(words of a counter, lane by lane, to four floats); element i is the (i mod 4)th of counter ⌊i/4⌋.
template <class Draw>
void generate(const Random::Params& p, float* y, Draw draw) {
  const PhiloxVec philox(static_cast<uint64_t>(p.seed));
  const int64_t count = p.count;
  parallelRanges((count + 3) / 4, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; c += kBlock) {
      VecU inOrder[PhiloxVec::kVectors];
      philox(static_cast<uint64_t>(c), inOrder);
      uint32_t flat[PhiloxVec::kWords], words[4][kBlock];
      memcpy(flat, inOrder, sizeof flat);
      for (int l = 0; l < kBlock; ++l)
        for (int j = 0; j < 4; ++j) words[j][l] = flat[4 * l + j];
      float drawn[4][kBlock];
      draw(words, drawn);
      float values[kBlock * 4];
      for (int l = 0; l < kBlock; ++l)
        for (int j = 0; j < 4; ++j) values[4 * l + j] = drawn[j][l];
      const int64_t left = count - 4 * c;
      __builtin_memcpy(y + 4 * c, values, static_cast<size_t>(left < kBlock * 4 ? left : kBlock * 4) * sizeof(float));
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
    generate(p, y, [=](const uint32_t (&words)[4][kBlock], float (&to)[4][kBlock]) {
      for (int j = 0; j < 4; j += 2)
        for (int l = 0; l < kBlock; ++l) normalPair(words[j][l], words[j + 1][l], &to[j][l], &to[j + 1][l]);
      for (int j = 0; j < 4; ++j)
        for (int l = 0; l < kBlock; ++l) to[j][l] = mulAdd(b, to[j][l], a);
    });
    return;
  }
  const float span = b - a, top = below(b);  // rounding may not reach b
  generate(p, y, [=](const uint32_t (&words)[4][kBlock], float (&to)[4][kBlock]) {
    for (int j = 0; j < 4; ++j)
      for (int l = 0; l < kBlock; ++l) {
        const float u = mulAdd(span, unitFloat(words[j][l]), a);
        to[j][l] = u < top ? u : top;
      }
  });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
