// The column matrix of a convolution: row (c,r,s), column (n,i,j), element x[n, c, i·stride + r − padding, j·stride + s − padding],
// 0 outside the image. It never exists as a whole; a piece of it is packed in two steps.
//
//   Strip: the image rows that the piece's pixels look at are copied with their padding, so that no later step meets an edge; columns
//   a stride apart are put side by side, so that neighbouring pixels read neighbouring floats.
//   Vectors: kLanes pixels of one row of the column matrix are gathered by one load for each image row they touch. Where they lie
//   depends on (c,r,s) by a constant offset only, so addresses and lane masks are worked out once for all rows.
#pragma once

#include "cpu/pack.h"

namespace convtape::cpu::CONVTAPE_ISA {

struct Window {
  int64_t height, width;               // of x
  int64_t channelStride, imageStride;  // floats
  int64_t outHeight, outWidth;
  int64_t kernelHeight, kernelWidth;
  int64_t strideHeight, strideWidth;
  int64_t paddingHeight, paddingWidth;  // may be negative

  int64_t pixels() const { return outHeight * outWidth; }
  int64_t taps() const { return kernelHeight * kernelWidth; }
};

#if defined(__AVX512F__)
using LaneMask = __mmask16;
static inline LaneMask lanes(int64_t from, int64_t to) { return static_cast<LaneMask>((1u << to) - (1u << from)); }
static inline Vec loadLanes(LaneMask m, const float* p) { return _mm512_maskz_loadu_ps(m, p); }
static inline Vec mergeLanes(Vec v, LaneMask m, const float* p) { return _mm512_mask_loadu_ps(v, m, p); }
#else
// These read whole vectors: the strip has kLanes floats to spare on both sides.
using LaneMask = VecI;
static inline LaneMask lanes(int64_t from, int64_t to) {
  LaneMask m;
  for (int i = 0; i < kLanes; ++i) m[i] = i >= from && i < to ? -1 : 0;
  return m;
}
static inline Vec loadLanes(LaneMask m, const float* p) { return m ? load(p) : Vec{}; }
static inline Vec mergeLanes(Vec v, LaneMask m, const float* p) { return m ? load(p) : v; }
#endif

// Packs pieces of one column matrix; one a worker.
class ColumnPacker {
 public:
  static constexpr int64_t kMostPixels = kDepth > kBlockVectors* kLanes ? kDepth : kBlockVectors* kLanes;
  static constexpr int64_t kMostRows = kDepth > kGroupRows ? kDepth : kGroupRows;

  // Floats that the strip of any piece needs, kLanes to spare on each side included; more than kMostStrip is not spent.
  static int64_t stripSize(const Window& w) {
    const int64_t outRows = least(kMostPixels, kMostPixels / w.outWidth + 2), images = least(kMostPixels, kMostPixels / w.pixels() + 2);
    const int64_t rows = outRows * stepOf(w) + images * w.kernelHeight, channels = (kMostRows - 1) / w.taps() + 2;
    const int64_t row = rowSizeOf(w);
    if (rows > kMostStrip / row || channels > kMostStrip / (rows * row)) return kMostStrip;
    return channels * rows * row + 2 * kLanes;
  }

  void init(const Window& window, float* strip, int64_t size) {
    w_ = window;
    step_ = stepOf(window);
    phaseWidth_ = phaseWidthOf(window);
    rowSize_ = rowSizeOf(window);
    strip_ = strip + kLanes;
    size_ = size - 2 * kLanes;
    first_ = count_ = -1;
  }

  // Chooses columns of the matrix: `count` from `first` on.
  void setPixels(int64_t first, int64_t count) {
    if (first == first_ && count == count_) return;
    first_ = first;
    count_ = count;
    parts_ = 0;
    rows_ = 0;
    int64_t segments = 0, i = 0, j = first % w_.outWidth;
    for (int64_t at = 0; at < count;) {
      if (at == 0 || i == w_.outHeight) {
        const int64_t n = (first + at) / w_.pixels();
        i = at == 0 ? first % w_.pixels() / w_.outWidth : 0;
        part_[parts_++] = {n, i * w_.strideHeight - w_.paddingHeight, rows_, 0};
      }
      // One row of output pixels, cut where vectors end.
      Part& part = part_[parts_ - 1];
      const int64_t end = least(count, at + w_.outWidth - j), row = rows_;
      for (; at < end;) {
        const int64_t lane = at % kLanes, run = least(end - at, kLanes - lane);
        if (lane == 0) vector_[at / kLanes] = static_cast<int>(segments);
        base_[segments] = static_cast<int32_t>(row * rowSize_ + j - lane);
        mask_[segments++] = lanes(lane, lane + run);
        at += run;
        j += run;
      }
      j = 0;
      ++i;
      const bool last = at == count || i == w_.outHeight;
      rows_ += last ? w_.kernelHeight : step_;
      part.rows = rows_ - part.row;
    }
    vector_[ceilDiv(count, kLanes)] = static_cast<int>(segments);
  }

  // Chooses rows of the matrix: `count` from `first` on, of the images that begin at x.
  void setRows(const float* x, int64_t first, int64_t count) {
    x_ = x;
    firstRow_ = first;
    rowCount_ = count;
    const int64_t taps = w_.taps(), c0 = first / taps, c1 = (first + count - 1) / taps + 1;
    const int64_t channelSize = rows_ * rowSize_;
    inStrip_ = channelSize <= size_ / (c1 - c0);
    if (!inStrip_) return;
    for (int64_t c = c0; c < c1; ++c) fillChannel(strip_ + (c - c0) * channelSize, x + c * w_.channelStride);
    int64_t c = 0, r = first % taps / w_.kernelWidth, s = first % w_.kernelWidth;
    for (int64_t k = 0; k < count; ++k) {
      offset_[k] = static_cast<int32_t>(c * channelSize + r * rowSize_ + s % w_.strideWidth * phaseWidth_ + s / w_.strideWidth);
      if (++s == w_.kernelWidth) {
        s = 0;
        if (++r == w_.kernelHeight) {
          r = 0;
          ++c;
        }
      }
    }
  }

  // Vector v of the chosen columns for all chosen rows: row k at to + k·stride. Lanes beyond the last column are 0.
  void packVector(int64_t v, float* to, int64_t stride) const {
    if (!inStrip_) return packSlowly(v, to, stride);
    const int begin = vector_[v], count = vector_[v + 1] - begin;
    const float* p[3];
    LaneMask m[3];
    for (int i = 0; i < 3 && i < count; ++i) {
      p[i] = strip_ + base_[begin + i];
      m[i] = mask_[begin + i];
    }
    if (count == 1) {
      for (int64_t k = 0; k < rowCount_; ++k, to += stride) store(to, loadLanes(m[0], p[0] + offset_[k]));
    } else if (count == 2) {
      for (int64_t k = 0; k < rowCount_; ++k, to += stride) {
        const int64_t at = offset_[k];
        store(to, mergeLanes(loadLanes(m[0], p[0] + at), m[1], p[1] + at));
      }
    } else {
      for (int64_t k = 0; k < rowCount_; ++k, to += stride) {
        const int64_t at = offset_[k];
        Vec x = mergeLanes(mergeLanes(loadLanes(m[0], p[0] + at), m[1], p[1] + at), m[2], p[2] + at);
        for (int i = begin + 3; i < begin + count; ++i) x = mergeLanes(x, mask_[i], strip_ + base_[i] + at);
        store(to, x);
      }
    }
  }

 private:
  static constexpr int64_t kMostStrip = 1 << 20;

  // The output rows' windows overlap, or lie apart: then only what they cover is kept.
  static int64_t stepOf(const Window& w) { return least(w.strideHeight, w.kernelHeight); }
  static int64_t phaseWidthOf(const Window& w) { return w.outWidth + (w.kernelWidth - 1) / w.strideWidth; }
  static int64_t rowSizeOf(const Window& w) { return least(w.strideWidth, w.kernelWidth) * phaseWidthOf(w); }

  // Image rows of one image in the strip.
  struct Part {
    int64_t image, y;   // row of x under the first strip row; may lie outside
    int64_t row, rows;  // of the strip
  };

  void fillChannel(float* to, const float* channel) const {
    for (int64_t p = 0; p < parts_; ++p) {
      const float* x = channel + part_[p].image * w_.imageStride;
      int64_t y = part_[p].y, inStep = 0;
      for (int64_t row = 0; row < part_[p].rows; ++row, to += rowSize_) {
        if (y >= 0 && y < w_.height)
          fillRow(to, x + y * w_.width);
        else
          for (int64_t i = 0; i < rowSize_; ++i) to[i] = 0;
        ++y;
        if (++inStep == step_) {
          inStep = 0;
          y += w_.strideHeight - step_;
        }
      }
    }
  }

  void fillRow(float* to, const float* x) const {
    const int64_t stride = w_.strideWidth;
    for (int64_t phase = 0; phase < rowSize_ / phaseWidth_; ++phase, to += phaseWidth_) {
      // to[q] = x[q·stride + shift]
      const int64_t shift = phase - w_.paddingWidth;
      const int64_t begin = least(phaseWidth_, shift < 0 ? ceilDiv(-shift, stride) : 0);
      const int64_t end = most(begin, least(phaseWidth_, w_.width > shift ? ceilDiv(w_.width - shift, stride) : 0));
      for (int64_t q = 0; q < begin; ++q) to[q] = 0;
      if (stride == 1) {
        copyRows(to + begin, 0, x + begin + shift, 0, 1, end - begin);
      } else if (stride == 4) {
        for (int64_t q = begin; q < end; ++q) to[q] = x[q * 4 + shift];
      } else {
        for (int64_t q = begin; q < end; ++q) to[q] = x[q * stride + shift];
      }
      for (int64_t q = end; q < phaseWidth_; ++q) to[q] = 0;
    }
  }

  // Element by element, for windows whose strip would be outlandish.
  void packSlowly(int64_t v, float* to, int64_t stride) const {
    for (int64_t k = 0; k < rowCount_; ++k, to += stride) {
      const int64_t row = firstRow_ + k, s = row % w_.kernelWidth, r = row / w_.kernelWidth % w_.kernelHeight, c = row / w_.taps();
      for (int lane = 0; lane < kLanes; ++lane) {
        const int64_t at = v * kLanes + lane, pixel = first_ + at;
        const int64_t n = pixel / w_.pixels(), i = pixel % w_.pixels() / w_.outWidth, j = pixel % w_.outWidth;
        const int64_t y = i * w_.strideHeight + r - w_.paddingHeight, z = j * w_.strideWidth + s - w_.paddingWidth;
        const bool inside = at < count_ && y >= 0 && y < w_.height && z >= 0 && z < w_.width;
        to[lane] = inside ? x_[n * w_.imageStride + c * w_.channelStride + y * w_.width + z] : 0;
      }
    }
  }

  Window w_;
  int64_t step_, phaseWidth_, rowSize_;
  float* strip_;
  int64_t size_;

  int64_t first_, count_;  // pixels
  int64_t parts_, rows_;
  Part part_[kMostPixels];
  int vector_[kMostPixels / kLanes + 2];  // each vector's first segment
  int32_t base_[kMostPixels];             // a segment's place in the strip, less its first lane
  LaneMask mask_[kMostPixels];

  const float* x_;
  int64_t firstRow_, rowCount_;
  bool inStrip_;
  int32_t offset_[kMostRows];
};

// A packer for each worker, in scratch memory.
class ColumnPackers {
 public:
  ColumnPackers(const Window& window, int workers)
      : window_(window), workers_(workers), strip_(ceilDiv(ColumnPacker::stripSize(window), kAlign) * kAlign) {}

  int64_t floats() const { return workers_ * (kPacker + strip_); }
  // `memory` has room for floats() and is aligned as scratch memory is.
  void prepare(float* memory) {
    memory_ = memory;
    for (int i = 0; i < workers_; ++i) at(i).init(window_, memory_ + i * (kPacker + strip_) + kPacker, strip_);
  }
  ColumnPacker& at(int worker) const { return *reinterpret_cast<ColumnPacker*>(memory_ + worker * (kPacker + strip_)); }

 private:
  static constexpr int64_t kAlign = 64;
  static constexpr int64_t kPacker = (sizeof(ColumnPacker) / sizeof(float) + kAlign) / kAlign * kAlign;
  Window window_;
  int workers_;
  int64_t strip_;
  float* memory_ = nullptr;
};

}  // namespace convtape::cpu::CONVTAPE_ISA
