#include "cpu/overlapping_pool.h"
#include "cpu/pool2d.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

// Elements of the window of output i along one axis that lie inside the padded plane.
inline float extent(int64_t i, int64_t kernel, int64_t stride, int64_t pad, int64_t size) {
  const int64_t start = i * stride, end = start + kernel, most = size + 2 * pad;
  return static_cast<float>((end < most ? end : most) - start);
}
inline float rowsOf(const Window2d& p, int64_t i) { return extent(i, p.kernelHeight, p.strideHeight, p.paddingHeight, p.height); }
inline float columnsOf(const Window2d& p, int64_t j) { return extent(j, p.kernelWidth, p.strideWidth, p.paddingWidth, p.width); }

// Elements that the windows of outputs (i, j …) are divided by. Only the last one can hang over the padded plane.
template <class Lanes>
inline Vec divisors(const Window2d& p, int64_t i, int64_t j, Lanes lanes) {
  const float rows = rowsOf(p, i);
  Vec d = splat(rows * columnsOf(p, 0));
  if (j + lanes.n == p.outWidth) d[lanes.n - 1] = rows * columnsOf(p, p.outWidth - 1);
  return d;
}

}  // namespace

void run(const AvgPool2d::Params& p, const Operands& o, Context& context) {
  if (p.planes == 0) return;
  if (OverlappingPool::takes(p)) return OverlappingPool(p).mean(o.in[0].f32(), o.out[0].f32(), context);
  const PhasedRow row(p);
  withShape(p, row, [&](auto shape) {
    const auto compute = [&](int64_t, int64_t i, const WindowRows& rows, const RowRing& ring, float* out) {
      forVectors(0, p.outWidth, [&](int64_t j, auto lanes) {
        Vec sum{};
        for (int64_t h = rows.first; h < rows.last; ++h) {
          const float* from = ring[h] + j;
          Vec rowSum{};
          for (int64_t kw = 0; kw < shape.kernelWidth(); ++kw) rowSum += load(from + shape.at(kw));
          sum += rowSum;
        }
        lanes.store(out + j, sum / divisors(p, i, j, lanes));
      });
    };
    slideWindows(p, row, o.in[0].f32(), 0.0f, o.out[0].f32(), context, compute);
  });
}

void run(const AvgPool2dGrad::Params& p, const Operands& o, Context& context) {
  if (p.planes == 0) return;
  const float* dy = o.in[0].f32();
  if (OverlappingPool::takes(p)) return OverlappingPool(p).meanBack(dy, o.out[0].f32(), context);
  const PhasedRow row(p);
  withShape(p, row, [&](auto shape) {
    const GatherWindows<1, decltype(shape)> gather(p, row, shape);
    const auto make = [&](int64_t plane, int64_t i, float* to) {
      const float* from = dy + (plane * p.outHeight + i) * p.outWidth;
      forVectors(0, p.outWidth,
                 [&](int64_t j, auto lanes) { lanes.store(to + gather.before() + j, lanes.load(from + j) / divisors(p, i, j, lanes)); });
    };
    gather(o.out[0].f32(), context, make, [](const float* from, int64_t at, int32_t) { return load(from + at); });
  });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
