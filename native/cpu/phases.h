// Rows cut by stride: element kw of the window of output j lies at padded column stride·j + kw, which is element j + kw / stride of
// phase kw % stride. So neighbouring outputs read neighbouring elements, whatever the stride, and padding is part of the row.
#pragma once

#include "core/ops/window.h"
#include "cpu/vec.h"

#ifdef CONVTAPE_ISA
namespace convtape::cpu::CONVTAPE_ISA {

class PhasedRow {
 public:
  explicit PhasedRow(const Window2d& p)
      : width_(p.width),
        stride_(p.strideWidth),
        pad_(p.paddingWidth),
        phases_(p.strideWidth < p.kernelWidth ? p.strideWidth : p.kernelWidth),
        pitch_((p.outWidth + (p.kernelWidth - 1) / p.strideWidth + 2 * kLanes - 1) / kLanes * kLanes) {
    const int64_t reach = (p.outWidth - 1) * p.strideWidth + p.kernelWidth - p.paddingWidth;
    used_ = reach < width_ ? reach : width_;
  }
  int64_t phases() const { return phases_; }
  int64_t pitch() const { return pitch_; }  // floats of one phase
  int64_t floats() const { return phases_ * pitch_; }
  // Where element kw of the window of output 0 is.
  int64_t at(int64_t kw) const { return kw % stride_ * pitch_ + kw / stride_; }

  void fill(float* row, float value) const {
    for (int64_t i = 0; i < floats(); ++i) row[i] = value;
  }

  // The columns that some window reads; the padding around them keeps what `fill` gave it.
  void split(const float* from, float* row) const {
    if (phases_ == 1 && stride_ == 1) {
      forVectors(0, used_, [&](int64_t w, auto lanes) { lanes.store(row + pad_ + w, lanes.load(from + w)); });
    } else if (phases_ == 2 && stride_ == 2) {
      // Column 0 is at padded column pad_: with an odd padding it belongs to phase 1.
      float* evens = row + pad_ % 2 * pitch_ + pad_ / 2;
      float* odds = row + (pad_ + 1) % 2 * pitch_ + (pad_ + 1) / 2;
      Vec even, odd;
      int64_t w = 0;
      for (; w + 2 * kLanes <= used_; w += 2 * kLanes) {
        deinterleave(load(from + w), load(from + w + kLanes), &even, &odd);
        store(evens + w / 2, even);
        store(odds + w / 2, odd);
      }
      const int n = static_cast<int>(used_ - w);
      if (n == 0) return;
      deinterleave(loadFirst(from + w, n < kLanes ? n : kLanes), loadFirst(from + w + kLanes, n < kLanes ? 0 : n - kLanes), &even, &odd);
      storeFirst(evens + w / 2, even, (n + 1) / 2);
      storeFirst(odds + w / 2, odd, n / 2);
    } else {
      for (int64_t phase = 0; phase < phases_; ++phase) {
        int64_t j = firstOf(phase);
        for (int64_t w = j * stride_ + phase - pad_; w < used_; w += stride_) row[phase * pitch_ + j++] = from[w];
      }
    }
  }

  // The other way; columns that no window reads become zero.
  void merge(const float* row, float* to) const {
    if (phases_ == 1 && stride_ == 1) {
      forVectors(0, used_, [&](int64_t w, auto lanes) { lanes.store(to + w, lanes.load(row + pad_ + w)); });
    } else if (phases_ == 2 && stride_ == 2) {
      const float* evens = row + pad_ % 2 * pitch_ + pad_ / 2;
      const float* odds = row + (pad_ + 1) % 2 * pitch_ + (pad_ + 1) / 2;
      Vec a, b;
      int64_t w = 0;
      for (; w + 2 * kLanes <= used_; w += 2 * kLanes) {
        interleave(load(evens + w / 2), load(odds + w / 2), &a, &b);
        store(to + w, a);
        store(to + w + kLanes, b);
      }
      const int n = static_cast<int>(used_ - w);
      if (n > 0) {
        interleave(loadFirst(evens + w / 2, (n + 1) / 2), loadFirst(odds + w / 2, n / 2), &a, &b);
        storeFirst(to + w, a, n < kLanes ? n : kLanes);
        storeFirst(to + w + kLanes, b, n < kLanes ? 0 : n - kLanes);
      }
    } else {
      if (phases_ < stride_)
        for (int64_t w = 0; w < used_; ++w) to[w] = 0;
      for (int64_t phase = 0; phase < phases_; ++phase) {
        int64_t j = firstOf(phase);
        for (int64_t w = j * stride_ + phase - pad_; w < used_; w += stride_) to[w] = row[phase * pitch_ + j++];
      }
    }
    for (int64_t w = used_; w < width_; ++w) to[w] = 0;
  }

 private:
  // The first element of a phase that is a column of the plane.
  int64_t firstOf(int64_t phase) const { return pad_ > phase ? (pad_ - phase + stride_ - 1) / stride_ : 0; }

  int64_t width_, stride_, pad_, phases_, pitch_, used_;
};

// Rows [first, last) of the plane that the window of output row i holds.
struct WindowRows {
  WindowRows(const Window2d& p, int64_t i) : start(i * p.strideHeight - p.paddingHeight) {
    first = start < 0 ? 0 : start;
    last = start + p.kernelHeight < p.height ? start + p.kernelHeight : p.height;
  }
  int64_t start, first, last;
};

// Output rows [first, last) whose window holds row h of the plane.
struct CoveringRows {
  CoveringRows(const Window2d& p, int64_t h) {
    const int64_t padded = h + p.paddingHeight;
    first = padded < p.kernelHeight ? 0 : (padded - p.kernelHeight) / p.strideHeight + 1;
    const int64_t end = padded / p.strideHeight + 1;
    last = end < p.outHeight ? end : p.outHeight;
  }
  int64_t first, last;
};

// The newest of a sequence of rows of `floats`, at least `rows` of them: row i is made by the time it is needed, in order.
class RowRing {
 public:
  // Rows that the memory must have room for: a power of 2, so that finding a row takes no division.
  static int64_t capacity(int64_t rows) {
    int64_t n = 1;
    while (n < rows) n *= 2;
    return n;
  }
  RowRing(float* memory, int64_t rows, int64_t floats) : memory_(memory), mask_(capacity(rows) - 1), floats_(floats) {}
  float* operator[](int64_t i) const { return memory_ + (i & mask_) * floats_; }
  void restart() { next_ = 0; }
  // make(i, memory of row i) for the rows of [first, last) that are not made yet.
  template <class Make>
  void need(int64_t first, int64_t last, Make&& make) {
    if (next_ < first) next_ = first;
    for (; next_ < last; ++next_) make(next_, (*this)[next_]);
  }

 private:
  float* memory_;
  int64_t mask_, floats_, next_ = 0;
};

}  // namespace convtape::cpu::CONVTAPE_ISA
#endif
