#include "cpu/kernels.h"
#include "cpu/vec.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

constexpr int64_t kWork = 1 << 14;  // elements a task looks at
constexpr int64_t kColumns = 128;   // columns walked down together

// The largest of a row, then the first element that is it; NaN is found in the first pass as well.
int32_t argmaxRow(const float* x, int64_t n) {
  int64_t i = 0;
  Vec largest = splat(-__builtin_inff());
  VecI anyNaN{};
  for (; i + kLanes <= n; i += kLanes) {
    const Vec v = load(x + i);
    largest = max(v, largest);
    anyNaN |= v != v;
  }
  float top = maxLanes(largest);
  int32_t nans[kLanes];
  storeInt(nans, anyNaN);
  int32_t hasNaN = 0;
  for (int l = 0; l < kLanes; ++l) hasNaN |= nans[l];
  for (; i < n; ++i) {
    top = x[i] > top ? x[i] : top;
    hasNaN |= x[i] != x[i];
  }
  int64_t at = 0;
  if (hasNaN)
    while (x[at] == x[at]) ++at;
  else
    while (x[at] != top) ++at;
  return static_cast<int32_t>(at);
}

// y[c] for `width` neighbouring columns of x (n, stride), row by row.
void argmaxColumns(const float* x, int64_t n, int64_t stride, int64_t width, int32_t* y) {
  float best[kColumns];
  int32_t at[kColumns];
  for (int64_t c = 0; c < width; ++c) {
    best[c] = x[c];
    at[c] = 0;
  }
  for (int64_t i = 1; i < n; ++i) {
    const float* row = x + i * stride;
    for (int64_t c = 0; c < width; ++c) {
      const float v = row[c];
      const bool better = (v > best[c]) | ((v != v) & (best[c] == best[c]));
      best[c] = better ? v : best[c];
      at[c] = better ? static_cast<int32_t>(i) : at[c];
    }
  }
  for (int64_t c = 0; c < width; ++c) y[c] = at[c];
}

}  // namespace

void run(const Argmax::Params& p, const Operands& o, Context&) {
  const float* x = o.in[0].f32();
  int32_t* y = o.out[0].i32();
  const int64_t n = p.n, inner = p.inner;
  if (inner == 1) {
    parallelRanges(p.outer, n < kWork ? kWork / n : 1, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) y[i] = argmaxRow(x + i * n, n);
    });
    return;
  }
  const int64_t width = inner < kColumns ? inner : kColumns, blocks = (inner + width - 1) / width;
  parallelRanges(p.outer * blocks, n * width < kWork ? kWork / (n * width) : 1, [=](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      const int64_t outer = b / blocks, column = b % blocks * width, left = inner - column;
      argmaxColumns(x + outer * n * inner + column, n, inner, left < width ? left : width, y + outer * inner + column);
    }
  });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
