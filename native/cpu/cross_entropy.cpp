#include "cpu/kernels.h"
#include "cpu/rows.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

inline int64_t rowsPerTask(const CrossEntropy::Params& p) {
  constexpr int64_t kElements = 1 << 14;
  return p.classes < kElements ? kElements / p.classes : 1;
}

}  // namespace

void run(const CrossEntropy::Params& p, const Operands& o, Context& context) {
  const float* x = o.in[0].f32();
  const int32_t* labels = o.in[1].i32();
  float *loss = o.out[0].f32(), *stats = o.out[1].f32();
  for (int64_t n = 0; n < p.rows; ++n)
    if (labels[n] < 0 || labels[n] >= p.classes)
      failf(ErrorKind::Range, "crossEntropy", "label %d in row %lld is outside 0 … %lld", labels[n], static_cast<long long>(n),
            static_cast<long long>(p.classes - 1));
  if (p.rows * p.classes == 0) return;
  double* losses = static_cast<double*>(context.scratch(static_cast<size_t>(p.rows) * sizeof(double)));
  parallelRanges(p.rows, rowsPerTask(p), [&](int64_t first, int64_t last) {
    for (int64_t n = first; n < last; ++n) {
      const float* from = x + n * p.classes;
      const float m = largestOf(from, p.classes);
      const double sum = sumOfExp(from, p.classes, m, [](int64_t, auto, Vec) {});
      losses[n] = (static_cast<double>(m) - static_cast<double>(from[labels[n]])) + __builtin_log(sum);
      if (stats) {
        stats[2 * n] = m;
        stats[2 * n + 1] = static_cast<float>(sum);
      }
      if (p.reduction == LossReduction::None) loss[n] = static_cast<float>(losses[n]);
    }
  });
  if (p.reduction == LossReduction::None) return;
  double total = 0;
  for (int64_t n = 0; n < p.rows; ++n) total += losses[n];
  *loss = static_cast<float>(p.reduction == LossReduction::Mean ? total / static_cast<double>(p.rows) : total);
}

void run(const CrossEntropyGrad::Params& p, const Operands& o, Context&) {
  const float *dy = o.in[0].f32(), *x = o.in[1].f32(), *stats = o.in[3].f32();
  const int32_t* labels = o.in[2].i32();
  float* dx = o.out[0].f32();
  if (p.rows * p.classes == 0) return;
  parallelRanges(p.rows, rowsPerTask(p), [&](int64_t first, int64_t last) {
    for (int64_t n = first; n < last; ++n) {
      const float m = stats[2 * n], sum = stats[2 * n + 1];
      const float d = p.reduction == LossReduction::None   ? dy[n]
                      : p.reduction == LossReduction::Mean ? *dy / static_cast<float>(p.rows)
                                                           : *dy;
      const Vec factor = splat(d / sum);
      forVectors(n * p.classes, (n + 1) * p.classes,
                 [&](int64_t i, auto lanes) { lanes.store(dx + i, exp(lanes.load(x + i) - m) * factor); });
      // The forward refused other labels; this keeps a launch without one inside the row.
      if (labels[n] >= 0 && labels[n] < p.classes) dx[n * p.classes + labels[n]] -= d;
    }
  });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
