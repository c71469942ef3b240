// How pooling operators walk their planes; what they do with a window is theirs.
#pragma once

#include "cpu/elements.h"
#include "cpu/phases.h"
#include "cpu/staging.h"

#ifdef CONVTAPE_ISA
namespace convtape::cpu::CONVTAPE_ISA {

// A window whose size and stride are known at compile time where they are not 0.
template <int kKernel, int kStride>
struct PoolShape {
  static constexpr bool kKnown = kKernel != 0;
  PoolShape(const Window2d& p, const PhasedRow& row) : p(p), row(row) {}
  int64_t kernelHeight() const { return kKernel ? kKernel : p.kernelHeight; }
  int64_t kernelWidth() const { return kKernel ? kKernel : p.kernelWidth; }
  int64_t stride() const { return kStride ? kStride : p.strideWidth; }
  int64_t at(int64_t kw) const { return kw % stride() * row.pitch() + kw / stride(); }
  const Window2d& p;
  const PhasedRow& row;
};

// body(shape) with AlexNet's overlapping and plain windows known at compile time.
template <class Body>
void withShape(const Window2d& p, const PhasedRow& row, Body&& body) {
  const bool square = p.kernelHeight == p.kernelWidth;
  if (square && p.kernelWidth == 3 && p.strideWidth == 2)
    body(PoolShape<3, 2>(p, row));
  else if (square && p.kernelWidth == 2 && p.strideWidth == 2)
    body(PoolShape<2, 2>(p, row));
  else
    body(PoolShape<0, 0>(p, row));
}

// Planes that make one task: enough of them that handing out tasks costs nothing.
struct PlaneTasks {
  explicit PlaneTasks(const Window2d& p) : planes(p.planes) {
    const int64_t plane = p.height * p.width;
    const int64_t floats = grainOf(p.planes * plane);
    each = plane < floats ? floats / plane : 1;
    count = (planes + each - 1) / each;
  }
  int64_t begin(int64_t t) const { return t * each; }
  int64_t end(int64_t t) const { return (t + 1) * each < planes ? (t + 1) * each : planes; }
  int64_t planes, each, count;
};

// For every output row: compute(plane, i, rows, ring, y), ring[h] being the PhasedRow of row h for the rows of the window, `fill` its
// padding, and y where the outputs go.
//
// Rows are made one output row before they are needed: a load that follows too closely on stores of other sizes waits for them.
template <class Compute>
void slideWindows(const Window2d& p, const PhasedRow& row, const float* x, float fill, float* y, Context& context, Compute&& compute) {
  const PlaneTasks tasks(p);
  const int workers = Pool::instance().workers();
  const int64_t ringRows = RowRing::capacity(p.kernelHeight + p.strideHeight < p.height ? p.kernelHeight + p.strideHeight : p.height);
  const int64_t ringFloats = ringRows * row.floats();
  float* scratch = static_cast<float*>(context.scratch(static_cast<size_t>(workers * (ringFloats + Staging::kFloats)) * sizeof(float)));
  float* buffers = scratch + workers * ringFloats;
  for (int64_t i = 0; i < workers * ringFloats; ++i) scratch[i] = fill;
  const int64_t outPlane = p.outHeight * p.outWidth;
  const bool streaming = isLarge(p.planes * outPlane);
  auto task = [&](int64_t t, int worker) {
    RowRing ring(scratch + worker * ringFloats, ringRows, row.floats());
    Staging out(y + tasks.begin(t) * outPlane, buffers + worker * Staging::kFloats, streaming);
    for (int64_t plane = tasks.begin(t); plane < tasks.end(t); ++plane) {
      const auto make = [&](int64_t h, float* to) { row.split(x + (plane * p.height + h) * p.width, to); };
      ring.restart();
      for (int64_t i = 0; i < p.outHeight; ++i) {
        const WindowRows rows(p, i), next(p, i + 1 < p.outHeight ? i + 1 : i);
        ring.need(rows.first, rows.last, make);
        ring.need(next.first, next.last, make);
        compute(plane, i, rows, ring, out.next(p.outWidth));
      }
    }
    out.finish();
  };
  parallelForWorkers(tasks.count, workers, task);
}

// The gradient by gathering: every element of dx is the sum, over the windows that hold it, of term(row, at, code): `row` is what
// make(plane, i, to) made of output row i (outWidth elements in each of kArrays arrays of stride(), whose padding is zeros), `at`
// the place of kLanes neighbouring outputs in it, `code` the element's place in those windows.
template <int kArrays, class Shape>
class GatherWindows {
 public:
  GatherWindows(const Window2d& p, const PhasedRow& row, Shape shape)
      : p_(p), row_(row), shape_(shape), before_((p.kernelWidth - 1) / p.strideWidth + kLanes - 1) {
    before_ = before_ / kLanes * kLanes;
  }
  int64_t before() const { return before_; }  // elements of padding in front of an array's outWidth
  int64_t stride() const { return before_ + row_.pitch(); }

  template <class Make, class Term>
  void operator()(float* dx, Context& context, Make&& make, Term&& term) const {
    const PlaneTasks tasks(p_);
    const int workers = Pool::instance().workers();
    const int64_t covering = (p_.kernelHeight - 1) / p_.strideHeight + 2;
    const int64_t ringRows = RowRing::capacity(covering < p_.outHeight ? covering : p_.outHeight);
    const int64_t ringFloats = ringRows * kArrays * stride();
    const int64_t floats = ringFloats + row_.floats() + Staging::kFloats;
    float* scratch = static_cast<float*>(context.scratch(static_cast<size_t>(workers * floats) * sizeof(float)));
    for (int64_t i = 0; i < workers * floats; ++i) scratch[i] = 0;
    const bool streaming = isLarge(p_.planes * p_.height * p_.width);
    auto task = [&](int64_t t, int worker) {
      float* memory = scratch + worker * floats;
      RowRing ring(memory, ringRows, kArrays * stride());
      float* sums = memory + ringFloats;
      Staging out(dx + tasks.begin(t) * p_.height * p_.width, sums + row_.floats(), streaming);
      for (int64_t plane = tasks.begin(t); plane < tasks.end(t); ++plane) {
        const auto makeRow = [&](int64_t i, float* to) { make(plane, i, to); };
        ring.restart();
        for (int64_t h = 0; h < p_.height; ++h) {
          const CoveringRows covering(p_, h), next(p_, h + 1 < p_.height ? h + 1 : h);
          ring.need(covering.first, covering.last, makeRow);
          ring.need(next.first, next.last, makeRow);
          gatherRow(h, covering, ring, sums, term);
          row_.merge(sums, out.next(p_.width));
        }
      }
      out.finish();
    };
    parallelForWorkers(tasks.count, workers, task);
  }

 private:
  template <class Term>
  void gatherRow(int64_t h, const CoveringRows& covering, const RowRing& ring, float* sums, Term&& term) const {
    const int64_t length = p_.outWidth + (shape_.kernelWidth() - 1) / shape_.stride();
    const int64_t phases = shape_.stride() < shape_.kernelWidth() ? shape_.stride() : shape_.kernelWidth();
    for (int64_t j = 0; j < length; j += kLanes)
      for (int64_t phase = 0; phase < phases; ++phase) {
        Vec sum{};
        for (int64_t i = covering.first; i < covering.last; ++i) {
          const int64_t rowCode = (h + p_.paddingHeight - i * p_.strideHeight) * shape_.kernelWidth();
          for (int64_t kw = phase, back = 0; kw < shape_.kernelWidth(); kw += shape_.stride(), ++back)
            sum += term(ring[i], before_ + j - back, static_cast<int32_t>(rowCode + kw));
        }
        store(sums + phase * row_.pitch() + j, sum);
      }
  }

  const Window2d& p_;
  const PhasedRow& row_;
  Shape shape_;
  int64_t before_;
};

}  // namespace convtape::cpu::CONVTAPE_ISA
#endif
