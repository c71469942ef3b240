// Random tensors: 4 bytes moved an element. A thread draws one Philox counter, which is four neighbouring elements.
#include "core/philox.h"
#include "cuda/index.cuh"
#include "cuda/kernels.h"

namespace convtape::CONVTAPE_GPU {
namespace {

struct Normal {
  float mean, deviation;
  __device__ Pack<float, 4> operator()(const Philox4& words) const {
    Pack<float, 4> drawn;
    CONVTAPE_UNROLL
    for (int j = 0; j < 4; j += 2) normalPair(words.v[j], words.v[j + 1], &drawn.v[j], &drawn.v[j + 1]);
    CONVTAPE_UNROLL
    for (int j = 0; j < 4; ++j) drawn.v[j] = mulAdd(deviation, drawn.v[j], mean);
    return drawn;
  }
};

struct Uniform {
  float low, span, top;  // `top` is the largest float below the end, which rounding may not reach
  __device__ Pack<float, 4> operator()(const Philox4& words) const {
    Pack<float, 4> drawn;
    CONVTAPE_UNROLL
    for (int j = 0; j < 4; ++j) {
      const float u = mulAdd(span, unitFloat(words.v[j]), low);
      drawn.v[j] = u < top ? u : top;
    }
    return drawn;
  }
};

// Element i is number i mod 4 of counter ⌊i/4⌋.
template <class Draw>
__global__ void __launch_bounds__(kThreads) randomKernel(float* y,  // (count), on a multiple of 16 bytes where `vector`
                                                         int64_t count, uint64_t seed, bool vector, Draw draw) {
  for (int64_t c = globalThread(); 4 * c < count; c += gridThreads()) {
    const Pack<float, 4> drawn = draw(philox(static_cast<uint64_t>(c), seed));
    if (vector && 4 * c + 4 <= count) {
      storePack(y + 4 * c, drawn);
    } else {
      CONVTAPE_UNROLL
      for (int j = 0; j < 4; ++j)
        if (4 * c + j < count) y[4 * c + j] = drawn.v[j];
    }
  }
}

template <class Draw>
void random(const Random::Params& p, float* y /* (count) */, Context& context, Draw draw) {
  context.launch("random", randomKernel<Draw>, gridFor((p.count + 3) / 4, context.multiprocessors), kThreads, 0, y, p.count,
                 static_cast<uint64_t>(p.seed), aligned(y, 16), draw);
}

float below(float x) {
  int32_t bits;
  memcpy(&bits, &x, sizeof bits);
  bits = x == 0 ? static_cast<int32_t>(0x80000001u) : x > 0 ? bits - 1 : bits + 1;
  memcpy(&x, &bits, sizeof x);
  return x;
}

}  // namespace

void run(const Random::Params& p, const Operands& o, Context& context) {
  if (p.count == 0) return;
  if (p.distribution == Distribution::Normal)
    random(p, o.out[0].f32(), context, Normal{p.a, p.b});
  else
    random(p, o.out[0].f32(), context, Uniform{p.a, p.b - p.a, below(p.b)});
}

}  // namespace convtape::CONVTAPE_GPU
