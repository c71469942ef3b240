// AlexNet's pooling, 3×3 windows two apart without padding, over planes that fit the first-level cache: vectors of neighbouring
// columns walk down a plane with what two windows share in registers. native/cpu/pool2d.h takes every other window.
#pragma once

#include "cpu/max_pool2d.h"
#include "cpu/pool2d.h"

#ifdef CONVTAPE_ISA
namespace convtape::cpu::CONVTAPE_ISA {

class OverlappingPool {
 public:
  explicit OverlappingPool(const Window2d& p) : p_(p) {}

  static bool takes(const Window2d& p) {
    return p.kernelHeight == 3 && p.kernelWidth == 3 && p.strideHeight == 2 && p.strideWidth == 2 && p.paddingHeight == 0 &&
           p.paddingWidth == 0 && 2 * p.outHeight + 1 <= p.height && 2 * p.outWidth + 1 <= p.width && p.height * p.width <= kMostPlane;
  }

  void forward(const float* x, float* y, uint8_t* index, Context& context) const {
    const int64_t outPlane = p_.outHeight * p_.outWidth;
    const bool streaming = isLarge(p_.planes * outPlane);
    forTasks(context, [&](int64_t first, int64_t last, float* buffer) {
      Staging out(y + first * outPlane, buffer, streaming);
      for (int64_t plane = first; plane < last; ++plane) {
        float* to = out.next(outPlane);
        const float* from = x + plane * p_.height * p_.width;
        forBlocks(p_.outWidth, [&](int64_t j, auto lanes) {
          uint8_t* places = index ? index + plane * outPlane + j : nullptr;
          const float* ahead = j == 0 && plane + 1 < last ? from + p_.height * p_.width : nullptr;
          if (!slideDown<false>(from + 2 * j, to + j, places, ahead, lanes)) slideDown<true>(from + 2 * j, to + j, places, nullptr, lanes);
        });
      }
      out.finish();
    });
  }

  void backward(const float* dy, const uint8_t* index, float* dx, Context& context) const {
    const int64_t outPlane = p_.outHeight * p_.outWidth, plane = p_.height * p_.width;
    const bool streaming = isLarge(p_.planes * plane);
    forTasks(context, [&](int64_t first, int64_t last, float* buffer) {
      for (int64_t i = first; i < last; ++i) {
        gatherPlane(dy + i * outPlane, index + i * outPlane, buffer);
        float* to = dx + i * plane;
        if (streaming)
          forStreamed(to, 0, plane, [&](int64_t v, auto lanes) { lanes.store(to + v, lanes.load(buffer + v)); });
        else
          forVectors(0, plane, [&](int64_t v, auto lanes) { lanes.store(to + v, lanes.load(buffer + v)); });
      }
      if (streaming) streamFence();
    });
  }

 private:
  // The columns of a plane are walked one vector after the other, too few bytes of a row at a time for the processor to see a stream:
  // the first vector asks for the next plane on its way.
  void prefetchRows(const float* row, int64_t rows) const {
    for (int64_t i = 0; i < rows * p_.width; i += 16) __builtin_prefetch(row + i);
  }

  static constexpr int64_t kMostPlane = 4096;
  static constexpr int64_t kBuffer = kMostPlane + 4 * kLanes;
  static_assert(kBuffer >= Staging::kFloats, "both directions use it");

  // body(first plane, last plane + 1, buffer of kBuffer floats)
  template <class Body>
  void forTasks(Context& context, Body&& body) const {
    const PlaneTasks tasks(p_);
    const int workers = Pool::instance().workers();
    float* buffers = static_cast<float*>(context.scratch(static_cast<size_t>(workers) * kBuffer * sizeof(float)));
    auto task = [&](int64_t t, int worker) { body(tasks.begin(t), tasks.end(t), buffers + worker * kBuffer); };
    parallelForWorkers(tasks.count, workers, task);
  }

  // body(j, lanes) over [0, n) in vectors; the last one overlaps the one before rather than being a part, where there is one before.
  template <class Body>
  static void forBlocks(int64_t n, Body&& body) {
    if (n < kLanes) return body(0, Part{static_cast<int>(n)});
    for (int64_t j = 0; j + kLanes <= n; j += kLanes) body(j, Whole{});
    if (n % kLanes) body(n - kLanes, Whole{});
  }

  struct Best {
    Vec value;
    VecI place;
  };
  template <bool kNan>
  static Best later(Best a, Best b) {  // b follows a in row order: it must be larger
    const VecI wins = kNan ? (b.value > a.value) | (b.value != b.value) : b.value > a.value;
    return {wins ? b.value : a.value, wins ? b.place : a.place};
  }

  // The three columns of each window in one row, `lanes` windows from the one at `from` on.
  struct Columns {
    Vec c[3];
  };
  static Columns columns(const float* from, Whole) {
    Columns v;
    Vec none;
    deinterleave(load(from), load(from + kLanes), &v.c[0], &v.c[1]);
    deinterleave(load(from + 1), load(from + 1 + kLanes), &none, &v.c[2]);
    return v;
  }
  static Columns columns(const float* from, Part lanes) {
    const int n = 2 * lanes.n, low = n < kLanes ? n : kLanes, high = n - low;
    Columns v;
    Vec none;
    deinterleave(loadFirst(from, low), loadFirst(from + kLanes, high), &v.c[0], &v.c[1]);
    deinterleave(loadFirst(from + 1, low), loadFirst(from + 1 + kLanes, high), &none, &v.c[2]);
    return v;
  }

  // All outputs of a vector of neighbouring columns. Without kNan, false where a NaN was seen: then places and values are wrong.
  template <bool kNan, class Lanes>
  bool slideDown(const float* from, float* to, uint8_t* places, const float* ahead, Lanes lanes) const {
    NanSeen seen;
    const auto row = [&](int64_t h) {
      const Columns v = columns(from + h * p_.width, lanes);
      if (!kNan) {
        seen.look(v.c[0], v.c[1]);
        seen.look(v.c[2], v.c[2]);
      }
      return later<kNan>(later<kNan>({v.c[0], splatInt(0)}, {v.c[1], splatInt(1)}), {v.c[2], splatInt(2)});
    };
    Best top = row(0);
    for (int64_t i = 0; i < p_.outHeight; ++i) {
      if (ahead) prefetchRows(ahead + 2 * i * p_.width, 2);
      const Best middle = row(2 * i + 1), bottom = row(2 * i + 2);
      const Best best = later<kNan>(later<kNan>(top, {middle.value, middle.place + 3}), {bottom.value, bottom.place + 6});
      lanes.store(to + i * p_.outWidth, best.value);
      if (places) storeIndex(places + i * p_.outWidth, best.place, lanes.n);
      top = bottom;
    }
    return kNan || !seen.any();
  }

  // dx of one plane. Even columns 2j take from outputs j and j − 1, odd ones from output j. The vectors go from right to left, for the
  // whole ones written at a row's end run over into the first columns of the next row.
  void gatherPlane(const float* dy, const uint8_t* index, float* to) const {
    for (int64_t j = p_.outWidth / kLanes * kLanes; j > 0; j -= kLanes) gatherDown<false>(dy + j, index + j, p_.outWidth - j, to + 2 * j);
    gatherDown<true>(dy, index, p_.outWidth, to);
    for (int64_t h = 0; h < p_.height; ++h) {
      const int64_t read = h <= 2 * p_.outHeight ? 2 * p_.outWidth + 1 : 0;
      for (int64_t w = read; w < p_.width; ++w) to[h * p_.width + w] = 0;
    }
  }

  // Two vectors of neighbouring columns, down all rows; kFirst: the leftmost, before which there is no output. `left` outputs of each
  // row are at dy or right of it.
  template <bool kFirst>
  void gatherDown(const float* dy, const uint8_t* index, int64_t left, float* to) const {
    const int n = static_cast<int>(left < kLanes ? left : kLanes), nBefore = static_cast<int>(left + 1 < kLanes ? left + 1 : kLanes);
    const auto from = [](Vec d, VecI places, int32_t place) { return places == place ? d : Vec{}; };
    const auto put = [&](int64_t h, Vec even, Vec odd) {
      Vec a, b;
      interleave(even, odd, &a, &b);
      store(to + h * p_.width, a);
      store(to + h * p_.width + kLanes, b);
    };
    Vec evenBelow{}, oddBelow{};  // what the windows in output row i − 1 give to row 2i, their last
    for (int64_t i = 0; i < p_.outHeight; ++i, dy += p_.outWidth, index += p_.outWidth) {
      const Vec d = loadFirst(dy, n);
      const VecI place = loadIndex(index, n);
      const Vec before = kFirst ? shiftIn(d) : loadFirst(dy - 1, nBefore);
      const VecI placeBefore = kFirst ? shiftIn(place) : loadIndex(index - 1, nBefore);
      put(2 * i, evenBelow + from(d, place, 0) + from(before, placeBefore, 2), oddBelow + from(d, place, 1));
      put(2 * i + 1, from(d, place, 3) + from(before, placeBefore, 5), from(d, place, 4));
      evenBelow = from(d, place, 6) + from(before, placeBefore, 8);
      oddBelow = from(d, place, 7);
    }
    put(2 * p_.outHeight, evenBelow, oddBelow);
  }

  const Window2d& p_;
};

}  // namespace convtape::cpu::CONVTAPE_ISA
#endif
