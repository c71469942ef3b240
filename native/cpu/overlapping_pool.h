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
        uint8_t* places = index ? index + plane * outPlane : nullptr;
        if (p_.outWidth < kLanes)
          slideDown<1>(from, to, places, 0, Part{static_cast<int>(p_.outWidth)});
        else
          for (int64_t block = 0; block < blocks(); block += kAbreast) slideDownFrom(block, from, to, places);
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
  // Vectors of neighbouring columns that walk down a plane side by side: rows are read from their start to their end, as the processor
  // expects it of memory.
  static constexpr int64_t kAbreast = 4;
  int64_t blocks() const { return (p_.outWidth + kLanes - 1) / kLanes; }
  // Where a vector's outputs begin; the last one overlaps the one before rather than being a part.
  int64_t column(int64_t block) const { return (block + 1) * kLanes <= p_.outWidth ? block * kLanes : p_.outWidth - kLanes; }

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

  void slideDownFrom(int64_t block, const float* from, float* to, uint8_t* places) const {
    switch (blocks() - block) {
      case 1:
        return slideDown<1>(from, to, places, block, Whole{});
      case 2:
        return slideDown<2>(from, to, places, block, Whole{});
      case 3:
        return slideDown<3>(from, to, places, block, Whole{});
      default:
        return slideDown<kAbreast>(from, to, places, block, Whole{});
    }
  }

  // All outputs of kBlocks vectors of neighbouring columns, from `block` on.
  template <int kBlocks, class Lanes>
  void slideDown(const float* from, float* to, uint8_t* places, int64_t block, Lanes lanes) const {
    if (!slide<false, kBlocks>(from, to, places, block, lanes)) slide<true, kBlocks>(from, to, places, block, lanes);
  }

  // Without kNan, false where a NaN was seen: then places and values are wrong.
  template <bool kNan, int kBlocks, class Lanes>
  bool slide(const float* from, float* to, uint8_t* places, int64_t block, Lanes lanes) const {
    int64_t column[kBlocks];
    for (int b = 0; b < kBlocks; ++b) column[b] = lanes.n < kLanes ? 0 : this->column(block + b);
    NanSeen seen;
    const auto row = [&](int64_t h, int b) {
      const float* at = from + h * p_.width + 2 * column[b];
      __builtin_prefetch(at + kPage);
      __builtin_prefetch(at + kPage + kLanes);
      const Columns v = columns(at, lanes);
      if (!kNan) {
        seen.look(v.c[0], v.c[1]);
        seen.look(v.c[2], v.c[2]);
      }
      return later<kNan>(later<kNan>({v.c[0], splatInt(0)}, {v.c[1], splatInt(1)}), {v.c[2], splatInt(2)});
    };
    Best top[kBlocks], middle[kBlocks];
    for (int b = 0; b < kBlocks; ++b) top[b] = row(0, b);
    for (int64_t i = 0; i < p_.outHeight; ++i) {
      for (int b = 0; b < kBlocks; ++b) middle[b] = row(2 * i + 1, b);
      for (int b = 0; b < kBlocks; ++b) {
        const Best bottom = row(2 * i + 2, b);
        const Best best = later<kNan>(later<kNan>(top[b], {middle[b].value, middle[b].place + 3}), {bottom.value, bottom.place + 6});
        const int64_t at = i * p_.outWidth + column[b];
        lanes.store(to + at, best.value);
        if (places) storeIndex(places + at, best.place, lanes.n);
        top[b] = bottom;
      }
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
