#include "cpu/max_pool2d.h"

#include "cpu/overlapping_pool.h"
#include "cpu/pool2d.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

// The largest elements of kLanes neighbouring windows, and their places.
struct Winners {
  Vec value;
  VecI place;
};

// from(r) is where row r of the windows begins, `code` the place of from(0)'s elements, `first` that of the first element that is not
// padding: it wins where all are −infinity. A NaN wins over everything; of several the last, as in PyTorch.
template <bool kNan, class Shape, class From>
inline Winners largest(Shape shape, int64_t rows, int32_t code, VecI first, From&& from, bool* nan) {
  Winners w{load(from(0) + shape.at(0)), first};
  Vec last = w.value;
  NanSeen seen;
  int64_t count = 0;
  for (int64_t r = 0; r < rows; ++r) {
    const float* row = from(r);
    for (int64_t kw = 0; kw < shape.kernelWidth(); ++kw, ++count, ++code) {
      if (count == 0 && !kNan) continue;
      const Vec v = load(row + shape.at(kw));
      const VecI wins = kNan ? (v > w.value) | (v != v) : v > w.value;
      w.place = wins ? splatInt(code) : w.place;
      w.value = wins ? v : w.value;
      if (!kNan && count % 2) seen.look(v, last);
      last = v;
    }
  }
  if (!kNan) {
    if (count % 2) seen.look(last, last);
    *nan = seen.any();
  }
  return w;
}

template <class Shape, class Index>
void forward(const Window2d& p, const PhasedRow& row, Shape shape, const float* x, float* y, Index* index, Context& context) {
  const auto compute = [&](int64_t plane, int64_t i, const WindowRows& rows, const RowRing& ring, float* out) {
    Index* outIndex = index ? index + (plane * p.outHeight + i) * p.outWidth : nullptr;
    const int32_t code = static_cast<int32_t>((rows.first - rows.start) * shape.kernelWidth());
    forVectors(0, p.outWidth, [&](int64_t j, auto lanes) {
      VecI first = splatInt(code);
      if (p.paddingWidth)
        for (int lane = 0; lane < lanes.n; ++lane) {
          const int64_t start = (j + lane) * p.strideWidth - p.paddingWidth;
          if (start < 0) first[lane] -= static_cast<int32_t>(start);
        }
      const auto from = [&](int64_t r) { return ring[rows.first + r] + j; };
      const int64_t count = rows.last - rows.first;
      bool nan = false;
      // A window that is whole has a number of rows that the compiler knows.
      Winners w = count == shape.kernelHeight() ? largest<false>(shape, shape.kernelHeight(), code, first, from, &nan)
                                                : largest<false>(shape, count, code, first, from, &nan);
      if (nan) w = largest<true>(shape, count, code, first, from, &nan);
      lanes.store(out + j, w.value);
      if (outIndex) storeIndex(outIndex + j, w.place, lanes.n);
    });
  };
  slideWindows(p, row, x, -__builtin_inff(), y, context, compute);
}

template <class Shape, class Index>
void backward(const Window2d& p, const PhasedRow& row, Shape shape, const float* dy, const Index* index, float* dx, Context& context) {
  const GatherWindows<2, Shape> gather(p, row, shape);
  const int64_t before = gather.before(), stride = gather.stride();
  // Two arrays: dy, and the index plus one, so that the padding's zeros are no place in a window.
  const auto make = [&](int64_t plane, int64_t i, float* to) {
    const int64_t out = (plane * p.outHeight + i) * p.outWidth;
    int32_t* places = reinterpret_cast<int32_t*>(to + stride + before);
    forVectors(0, p.outWidth, [&](int64_t j, auto lanes) {
      lanes.store(to + before + j, lanes.load(dy + out + j));
      storeIndex(places + j, loadIndex(index + out + j, lanes.n) + 1, lanes.n);
    });
  };
  const auto term = [&](const float* from, int64_t at, int32_t code) {
    const VecI places = loadInt(reinterpret_cast<const int32_t*>(from + stride) + at);
    return places == code + 1 ? load(from + at) : Vec{};
  };
  gather(dx, context, make, term);
}

// body(index), places as they are kept: windows of a shape known at compile time have few enough for bytes.
template <class Shape, class Body>
void withIndex(Shape, const Operand& index, Body&& body) {
  if constexpr (!Shape::kKnown)
    if (index.dtype == DType::I32) return body(index.i32());
  body(index.u8());
}

}  // namespace

void run(const MaxPool2d::Params& p, const Operands& o, Context& context) {
  if (p.planes == 0) return;
  if (OverlappingPool::takes(p)) return OverlappingPool(p).largest(o.in[0].f32(), o.out[0].f32(), o.out[1].u8(), context);
  const PhasedRow row(p);
  withShape(p, row, [&](auto shape) {
    withIndex(shape, o.out[1], [&](auto* index) { forward(p, row, shape, o.in[0].f32(), o.out[0].f32(), index, context); });
  });
}

void run(const MaxPool2dGrad::Params& p, const Operands& o, Context& context) {
  if (p.planes == 0) return;
  if (OverlappingPool::takes(p)) return OverlappingPool(p).largestBack(o.in[0].f32(), o.in[1].u8(), o.out[0].f32(), context);
  const PhasedRow row(p);
  withShape(p, row, [&](auto shape) {
    withIndex(shape, o.in[1], [&](auto* index) { backward(p, row, shape, o.in[0].f32(), index, o.out[0].f32(), context); });
  });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
