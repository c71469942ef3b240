// Rows cut by stride: element kw of the window of output j lies at padded column stride·j + kw, which is element j + kw / stride of
// phase kw % stride. So whole vectors of neighbouring outputs read whole vectors, whatever the stride, and padding is part of the row.
#pragma once

#include "core/ops/window.h"
#include "cpu/chunks.h"
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
  int64_t floats() const { return phases_ * pitch_; }
  // Where element kw of the window of output 0 is.
  int64_t at(int64_t kw) const { return kw % stride_ * pitch_ + kw / stride_; }

  void fill(float* row, float value) const {
    for (int64_t i = 0; i < floats(); ++i) row[i] = value;
  }

  // The columns that some window reads; the padding around them keeps what `fill` gave it.
  void split(const float* from, float* row) const {
    for (int64_t phase = 0; phase < phases_; ++phase) {
      int64_t j = pad_ > phase ? (pad_ - phase + stride_ - 1) / stride_ : 0;
      for (int64_t w = j * stride_ + phase - pad_; w < used_; w += stride_) row[phase * pitch_ + j++] = from[w];
    }
  }
  // The other way; columns that no window reads become zero.
  void merge(const float* row, float* to) const {
    if (phases_ < stride_ || used_ < width_)
      for (int64_t w = 0; w < width_; ++w) to[w] = 0;
    for (int64_t phase = 0; phase < phases_; ++phase) {
      int64_t j = pad_ > phase ? (pad_ - phase + stride_ - 1) / stride_ : 0;
      for (int64_t w = j * stride_ + phase - pad_; w < used_; w += stride_) to[w] = row[phase * pitch_ + j++];
    }
  }

 private:
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

// The last rows of a plane, each a PhasedRow, as many as a window can hold.
class RowRing {
 public:
  RowRing(const Window2d& p, const PhasedRow& row, float* memory)
      : row_(row), rows_(p.kernelHeight < p.height ? p.kernelHeight : p.height), width_(p.width), memory_(memory) {}
  static int64_t floats(const Window2d& p, const PhasedRow& row) {
    return (p.kernelHeight < p.height ? p.kernelHeight : p.height) * row.floats();
  }
  void fill(float value) {
    for (int64_t r = 0; r < rows_; ++r) row_.fill(memory_ + r * row_.floats(), value);
  }
  void begin(const float* plane) {
    plane_ = plane;
    next_ = 0;
  }
  void need(const WindowRows& w) {
    if (next_ < w.first) next_ = w.first;
    for (; next_ < w.last; ++next_) row_.split(plane_ + next_ * width_, memory_ + next_ % rows_ * row_.floats());
  }
  const float* operator[](int64_t h) const { return memory_ + h % rows_ * row_.floats(); }

 private:
  const PhasedRow& row_;
  int64_t rows_, width_;
  float* memory_;
  const float* plane_ = nullptr;
  int64_t next_ = 0;
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

}  // namespace convtape::cpu::CONVTAPE_ISA
#endif
