#include "cpu/kernels.h"
#include "cpu/phases.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

// Elements of the window of output i along one axis that lie inside the padded plane.
inline int64_t extent(int64_t i, int64_t kernel, int64_t stride, int64_t pad, int64_t size) {
  const int64_t start = i * stride, end = start + kernel, most = size + 2 * pad;
  return (end < most ? end : most) - start;
}

}  // namespace

void run(const AvgPool2d::Params& p, const Operands& o, Context& context) {
  if (p.planes == 0) return;
  const float* x = o.in[0].f32();
  float* y = o.out[0].f32();
  const PhasedRow row(p);
  const Chunks chunks(p.planes);
  const int64_t ringFloats = RowRing::floats(p, row);
  float* scratch = static_cast<float*>(context.scratch(static_cast<size_t>(chunks.tasks * ringFloats + p.outWidth) * sizeof(float)));
  float* columns = scratch + chunks.tasks * ringFloats;
  for (int64_t j = 0; j < p.outWidth; ++j)
    columns[j] = static_cast<float>(extent(j, p.kernelWidth, p.strideWidth, p.paddingWidth, p.width));
  auto task = [&](int64_t t) {
    RowRing ring(p, row, scratch + t * ringFloats);
    ring.fill(0);
    for (int64_t plane = chunks.begin(t); plane < chunks.end(t); ++plane) {
      ring.begin(x + plane * p.height * p.width);
      for (int64_t i = 0; i < p.outHeight; ++i) {
        const WindowRows rows(p, i);
        ring.need(rows);
        const float rowCount = static_cast<float>(extent(i, p.kernelHeight, p.strideHeight, p.paddingHeight, p.height));
        float* out = y + (plane * p.outHeight + i) * p.outWidth;
        forVectors(0, p.outWidth, [&](int64_t j, auto lanes) {
          Vec sum{};
          for (int64_t h = rows.first; h < rows.last; ++h) {
            const float* from = ring[h] + j;
            Vec rowSum{};
            for (int64_t kw = 0; kw < p.kernelWidth; ++kw) rowSum += load(from + row.at(kw));
            sum += rowSum;
          }
          lanes.store(out + j, sum / (lanes.load(columns + j) * rowCount));
        });
      }
    }
  };
  parallelFor(chunks.tasks, task);
}

void run(const AvgPool2dGrad::Params& p, const Operands& o, Context& context) {
  if (p.planes == 0) return;
  const float* dy = o.in[0].f32();
  float* dx = o.out[0].f32();
  const PhasedRow row(p);
  const Chunks chunks(p.planes);
  float* scratch = static_cast<float*>(context.scratch(static_cast<size_t>(chunks.tasks * row.floats() + p.outWidth) * sizeof(float)));
  float* columns = scratch + chunks.tasks * row.floats();
  for (int64_t j = 0; j < p.outWidth; ++j)
    columns[j] = static_cast<float>(extent(j, p.kernelWidth, p.strideWidth, p.paddingWidth, p.width));
  auto task = [&](int64_t t) {
    float* sums = scratch + t * row.floats();
    for (int64_t plane = chunks.begin(t); plane < chunks.end(t); ++plane)
      for (int64_t h = 0; h < p.height; ++h) {
        row.fill(sums, 0);
        const CoveringRows covering(p, h);
        for (int64_t i = covering.first; i < covering.last; ++i) {
          const float rowCount = static_cast<float>(extent(i, p.kernelHeight, p.strideHeight, p.paddingHeight, p.height));
          const float* from = dy + (plane * p.outHeight + i) * p.outWidth;
          for (int64_t kw = 0; kw < p.kernelWidth; ++kw) {
            float* to = sums + row.at(kw);
            forVectors(0, p.outWidth, [&](int64_t j, auto lanes) {
              lanes.store(to + j, lanes.load(to + j) + lanes.load(from + j) / (lanes.load(columns + j) * rowCount));
            });
          }
        }
        row.merge(sums, dx + (plane * p.height + h) * p.width);
      }
  };
  parallelFor(chunks.tasks, task);
}

}  // namespace convtape::cpu::CONVTAPE_ISA
