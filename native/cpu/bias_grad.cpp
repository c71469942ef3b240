#include "cpu/gemm.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

constexpr int kPartials = 16;

// Sum in double: 16 partial sums, then their pairs.
double sum(const float* x, int64_t count, int64_t repeats, int64_t stride) {
  double partial[kPartials] = {};
  for (int64_t o = 0; o < repeats; ++o, x += stride) {
    int64_t i = 0;
    for (; i + kPartials <= count; i += kPartials)
      for (int j = 0; j < kPartials; ++j) partial[j] += static_cast<double>(x[i + j]);
    for (; i < count; ++i) partial[i % kPartials] += static_cast<double>(x[i]);
  }
  for (int half = kPartials / 2; half > 0; half /= 2)
    for (int j = 0; j < half; ++j) partial[j] += partial[j + half];
  return partial[0];
}

}  // namespace

void run(const BiasGrad::Params& p, const Operands& o, Context&) {
  const float* dy = o.in[0].f32();
  float* dbias = o.out[0].f32();
  if (p.inner > 1) {
    parallelRanges(p.channels, 1, [&](int64_t c, int64_t) {
      dbias[c] = static_cast<float>(sum(dy + c * p.inner, p.inner, p.outer, p.channels * p.inner));
    });
    return;
  }
  // Columns of a matrix: a few neighbours at once, row by row. Without an element there is no row either.
  const int64_t rows = p.inner == 0 ? 0 : p.outer;
  parallelRanges(p.channels, kPartials, [&](int64_t begin, int64_t end) {
    double total[kPartials] = {};
    for (int64_t o = 0; o < rows; ++o)
      for (int64_t c = begin; c < end; ++c) total[c - begin] += static_cast<double>(dy[o * p.channels + c]);
    for (int64_t c = begin; c < end; ++c) dbias[c] = static_cast<float>(total[c - begin]);
  });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
