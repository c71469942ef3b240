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

  // The largest of each window. index: null where nobody asks which of nine it was.
  void largest(const float* x, float* y, uint8_t* index, Context& context) const {
    const int64_t outPlane = p_.outHeight * p_.outWidth;
    forward(x, y, context, [&](int64_t plane, const float* from, float* to) {
      index ? largestOf<true>(from, to, index + plane * outPlane) : largestOf<false>(from, to, nullptr);
    });
  }
  void largestBack(const float* dy, const uint8_t* index, float* dx, Context& context) const {
    backward(dx, context, [&](int64_t first) { return Placed{dy + first, index + first}; });
  }

  void mean(const float* x, float* y, Context& context) const {
    forward(x, y, context, [&](int64_t, const float* from, float* to) {
      forBlocks([&](auto abreast, int64_t block, auto lanes) {
        Mean mean{to};
        slide<abreast>(from, block, lanes, mean);
      });
    });
  }
  void meanBack(const float* dy, float* dx, Context& context) const {
    backward(dx, context, [&](int64_t first) { return Shared{dy + first}; });
  }

 private:
  // Vectors of neighbouring columns that walk down a plane side by side: rows are read from their start to their end, as the processor
  // expects it of memory.
  static constexpr int64_t kAbreast = 4;
  int64_t blocks() const { return (p_.outWidth + kLanes - 1) / kLanes; }
  // Where a vector's outputs begin; the last one overlaps the one before rather than being a part.
  int64_t column(int64_t block) const { return (block + 1) * kLanes <= p_.outWidth ? block * kLanes : p_.outWidth - kLanes; }

  static constexpr float kWindow = 9;  // elements of a window
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

  // pool(plane, x of it, y of it)
  template <class PoolPlane>
  void forward(const float* x, float* y, Context& context, PoolPlane&& pool) const {
    const int64_t outPlane = p_.outHeight * p_.outWidth;
    const bool streaming = isLarge(p_.planes * outPlane);
    forTasks(context, [&](int64_t first, int64_t last, float* buffer) {
      Staging out(y + first * outPlane, buffer, streaming);
      for (int64_t plane = first; plane < last; ++plane) pool(plane, x + plane * p_.height * p_.width, out.next(outPlane));
      out.finish();
    });
  }

  // terms(first output of a plane): what its outputs give to the elements of their windows
  template <class Terms>
  void backward(float* dx, Context& context, Terms&& terms) const {
    const int64_t outPlane = p_.outHeight * p_.outWidth, plane = p_.height * p_.width;
    const bool streaming = isLarge(p_.planes * plane);
    forTasks(context, [&](int64_t first, int64_t last, float* buffer) {
      for (int64_t i = first; i < last; ++i) {
        gatherPlane(terms(i * outPlane), buffer);
        float* to = dx + i * plane;
        if (streaming)
          forStreamed(to, 0, plane, [&](int64_t v, auto lanes) { lanes.store(to + v, lanes.load(buffer + v)); });
        else
          forVectors(0, plane, [&](int64_t v, auto lanes) { lanes.store(to + v, lanes.load(buffer + v)); });
      }
      if (streaming) streamFence();
    });
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
    deinterleave(load(from), load(from + kLanes), &v.c[0], &v.c[1]);
    v.c[2] = shiftOut(v.c[0], from[2 * kLanes]);
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

  // slide(how many vectors abreast, first block, lanes) for all columns
  template <class Slide>
  void forBlocks(Slide&& slide) const {
    if (p_.outWidth < kLanes) return slide(Constant<1>{}, int64_t{0}, Part{static_cast<int>(p_.outWidth)});
    for (int64_t block = 0; block < blocks(); block += kAbreast) switch (blocks() - block) {
        case 1:
          slide(Constant<1>{}, block, Whole{});
          break;
        case 2:
          slide(Constant<2>{}, block, Whole{});
          break;
        case 3:
          slide(Constant<3>{}, block, Whole{});
          break;
        default:
          slide(Constant<kAbreast>{}, block, Whole{});
      }
  }

  // Without kNan it is wrong where a NaN was seen.
  template <bool kPlaces, bool kNan>
  struct Largest {
    float* to;
    uint8_t* places;
    NanSeen seen{};

    Best row(const Columns& v) {
      if (!kNan) {
        seen.look(v.c[0], v.c[1]);
        seen.look(v.c[2], v.c[2]);
      }
      return later<kNan>(later<kNan>({v.c[0], splatInt(0)}, {v.c[1], splatInt(1)}), {v.c[2], splatInt(2)});
    }
    template <class Lanes>
    void write(int64_t at, Best top, Best middle, Best bottom, Lanes lanes) const {
      const Best best = later<kNan>(later<kNan>(top, {middle.value, middle.place + 3}), {bottom.value, bottom.place + 6});
      lanes.store(to + at, best.value);
      if (kPlaces) storeIndex(places + at, best.place, lanes.n);
    }
  };

  template <bool kPlaces>
  void largestOf(const float* from, float* to, uint8_t* places) const {
    forBlocks([&](auto abreast, int64_t block, auto lanes) {
      Largest<kPlaces, false> largest{to, places};
      slide<abreast>(from, block, lanes, largest);
      if (!largest.seen.any()) return;
      Largest<kPlaces, true> careful{to, places};
      for (int64_t b = 0; b < abreast; ++b) slide<1>(from, block + b, lanes, careful);
    });
  }

  struct Mean {
    float* to;

    Vec row(const Columns& v) const { return v.c[0] + v.c[1] + v.c[2]; }
    template <class Lanes>
    void write(int64_t at, Vec top, Vec middle, Vec bottom, Lanes lanes) const {
      lanes.store(to + at, (top + middle + bottom) / splat(kWindow));
    }
  };

  // All outputs of kBlocks vectors of neighbouring columns, from `block` on: rule.row of each row of x, rule.write of each row of y.
  template <int64_t kBlocks, class Lanes, class Rule>
  void slide(const float* from, int64_t block, Lanes lanes, Rule& rule) const {
    int64_t column[kBlocks];
    for (int b = 0; b < kBlocks; ++b) column[b] = lanes.n < kLanes ? 0 : this->column(block + b);
    const auto row = [&](int64_t h, int b) { return rule.row(columns(from + h * p_.width + 2 * column[b], lanes)); };
    decltype(row(0, 0)) top[kBlocks], middle[kBlocks];
    for (int b = 0; b < kBlocks; ++b) top[b] = row(0, b);
    for (int64_t i = 0; i < p_.outHeight; ++i) {
      for (int b = 0; b < kBlocks; ++b) middle[b] = row(2 * i + 1, b);
      for (int b = 0; b < kBlocks; ++b) {
        const auto bottom = row(2 * i + 2, b);
        rule.write(i * p_.outWidth + column[b], top[b], middle[b], bottom, lanes);
        top[b] = bottom;
      }
    }
  }

  // What a vector of outputs, and those one to the left of them, give to row r of their windows: to even columns (added to a sum, in the
  // order in which GPUs add), and to odd ones.
  struct Placed {
    const float* dy;
    const uint8_t* index;

    struct Row {
      Vec d, before;
      VecI place, placeBefore;
      static Vec where(Vec d, VecI places, int32_t place) { return places == place ? d : Vec{}; }
      Vec even(int r) const { return where(d, place, 3 * r) + where(before, placeBefore, 3 * r + 2); }
      Vec even(int r, Vec sum) const { return sum + where(d, place, 3 * r) + where(before, placeBefore, 3 * r + 2); }
      Vec odd(int r) const { return where(d, place, 3 * r + 1); }
    };
    template <bool kFirst>
    Row row(int64_t at, int n, int nBefore) const {
      const Vec d = loadFirst(dy + at, n);
      const VecI place = loadIndex(index + at, n);
      if (kFirst) return {d, shiftIn(d), place, shiftIn(place)};
      return {d, loadFirst(dy + at - 1, nBefore), place, loadIndex(index + at - 1, nBefore)};
    }
  };
  struct Shared {
    const float* dy;

    struct Row {
      Vec d, both;
      Vec even(int) const { return both; }
      Vec even(int, Vec sum) const { return sum + both; }
      Vec odd(int) const { return d; }
    };
    template <bool kFirst>
    Row row(int64_t at, int n, int nBefore) const {
      const Vec d = loadFirst(dy + at, n) / splat(kWindow);
      return {d, d + (kFirst ? shiftIn(d) : loadFirst(dy + at - 1, nBefore) / splat(kWindow))};
    }
  };

  // dx of one plane. Even columns 2j take from outputs j and j − 1, odd ones from output j. The vectors go from right to left, for the
  // whole ones written at a row's end run over into the first columns of the next row.
  template <class Terms>
  void gatherPlane(const Terms& terms, float* to) const {
    for (int64_t j = p_.outWidth / kLanes * kLanes; j > 0; j -= kLanes) gatherDown<false>(terms, j, to + 2 * j);
    gatherDown<true>(terms, 0, to);
    for (int64_t h = 0; h < p_.height; ++h) {
      const int64_t read = h <= 2 * p_.outHeight ? 2 * p_.outWidth + 1 : 0;
      for (int64_t w = read; w < p_.width; ++w) to[h * p_.width + w] = 0;
    }
  }

  // Two vectors of neighbouring columns, down all rows, from output column j on; kFirst: the leftmost, before which there is no output.
  template <bool kFirst, class Terms>
  void gatherDown(const Terms& terms, int64_t j, float* to) const {
    const int64_t left = p_.outWidth - j;  // outputs of each row at j or right of it
    const int n = static_cast<int>(left < kLanes ? left : kLanes), nBefore = static_cast<int>(left + 1 < kLanes ? left + 1 : kLanes);
    const auto put = [&](int64_t h, Vec even, Vec odd) {
      Vec a, b;
      interleave(even, odd, &a, &b);
      store(to + h * p_.width, a);
      store(to + h * p_.width + kLanes, b);
    };
    Vec evenBelow{}, oddBelow{};  // what the windows in output row i − 1 give to row 2i, their last
    for (int64_t i = 0; i < p_.outHeight; ++i) {
      const auto row = terms.template row<kFirst>(i * p_.outWidth + j, n, nBefore);
      put(2 * i, row.even(0, evenBelow), oddBelow + row.odd(0));
      put(2 * i + 1, row.even(1), row.odd(1));
      evenBelow = row.even(2);
      oddBelow = row.odd(2);
    }
    put(2 * p_.outHeight, evenBelow, oddBelow);
  }

  const Window2d& p_;
};

}  // namespace convtape::cpu::CONVTAPE_ISA
#endif
