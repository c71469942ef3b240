// The column matrix of a convolution has a row for each tap (c,r,s) and a column for each output pixel (n,i,j); its element is
// x[n, c, i·stride + r − padding, j·stride + s − padding], 0 outside the image. It never exists: where an element lies is an offset of the
// pixel plus an offset of the tap, which is all that the matrix product asks of its A. Where windows reach over the edge, the rows of
// the images that some pixels need are first copied, with zeros around them, into a strip in scratch memory.
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
  // No window reaches over an edge.
  bool inside() const {
    return paddingHeight <= 0 && paddingWidth <= 0 && (outHeight - 1) * strideHeight + kernelHeight - paddingHeight <= height &&
           (outWidth - 1) * strideWidth + kernelWidth - paddingWidth <= width;
  }
};

// Finds elements of one column matrix for some pixels and taps at a time; one a worker, in scratch memory.
class WindowReader {
 public:
  static constexpr int64_t kMostPixels = kMostDepth > kMostRows ? kMostDepth : kMostRows;

  // How a window's elements are reached: in x itself, in the strip, or (odd geometries) one by one in a copied matrix.
  enum class Way { Direct, Strip, Gather };

  static Way wayOf(const Window& w) {
    // Offsets are 32 bits wide.
    const int64_t most = int64_t{1} << 30, spans = least(kMostPixels, kMostPixels / w.pixels() + 2);
    if (w.inside() && w.imageStride < most / spans && w.channelStride < most / (kMostDepth / w.taps() + 2)) return Way::Direct;
    return stripSize(w) <= kMostStrip ? Way::Strip : Way::Gather;
  }
  // Floats of scratch memory.
  static int64_t floats(const Window& w) {
    const Way way = wayOf(w);
    return way == Way::Direct ? 0 : way == Way::Strip ? stripSize(w) : kMostDepth * kMostRows;
  }

  void init(const Window& window, float* strip) {
    w_ = window;
    way_ = wayOf(window);
    step_ = least(window.strideHeight, window.kernelHeight);
    columnStep_ = least(window.strideWidth, window.kernelWidth);
    strip_ = strip;
    first_ = count_ = -1;
  }

  // A's rows are pixels, its columns taps (k along taps).
  void pixelsByTaps(const float* x, int64_t pixel, int64_t pixels, int64_t tap, int64_t taps, const float** rows, int32_t* offsets) {
    if (way_ == Way::Gather) {
      for (int64_t i = 0; i < pixels; ++i) {
        rows[i] = strip_ + i * taps;
        for (int64_t k = 0; k < taps; ++k) strip_[i * taps + k] = element(x, pixel + i, tap + k);
      }
      for (int64_t k = 0; k < taps; ++k) offsets[k] = static_cast<int32_t>(k);
      return;
    }
    const float* base = locate(x, pixel, pixels, tap, taps);
    for (int64_t i = 0; i < pixels; ++i) rows[i] = base + pixel_[i];
    forTaps(tap, taps, [&](int64_t k, int64_t offset) { offsets[k] = static_cast<int32_t>(offset); });
  }

  // A's rows are taps, its columns pixels (k along pixels).
  void tapsByPixels(const float* x, int64_t tap, int64_t taps, int64_t pixel, int64_t pixels, const float** rows, int32_t* offsets) {
    if (way_ == Way::Gather) {
      for (int64_t i = 0; i < taps; ++i) {
        rows[i] = strip_ + i * pixels;
        for (int64_t k = 0; k < pixels; ++k) strip_[i * pixels + k] = element(x, pixel + k, tap + i);
      }
      for (int64_t k = 0; k < pixels; ++k) offsets[k] = static_cast<int32_t>(k);
      return;
    }
    const float* base = locate(x, pixel, pixels, tap, taps);
    forTaps(tap, taps, [&](int64_t i, int64_t offset) { rows[i] = base + offset; });
    for (int64_t k = 0; k < pixels; ++k) offsets[k] = pixel_[k];
  }

 private:
  static constexpr int64_t kMostStrip = 1 << 20;

  // Upper bound for any piece.
  static int64_t stripSize(const Window& w) {
    const int64_t outRows = least(kMostPixels, kMostPixels / w.outWidth + 2);
    const int64_t rows = (outRows + least(outRows, kMostPixels / w.pixels() + 2)) * w.kernelHeight;
    // Pieces do not cross rows of more pixels than that.
    const int64_t columns = least(w.outWidth, kMostPixels) * least(w.strideWidth, w.kernelWidth) + w.kernelWidth;
    const int64_t channels = kMostPixels / w.taps() + 2;
    if (rows > kMostStrip || columns > kMostStrip || rows * columns > kMostStrip) return kMostStrip + 1;
    return rows * columns * channels + kLanes;
  }

  // Fills the strip where there is one; returns what the offsets of pixels and taps are relative to.
  const float* locate(const float* x, int64_t pixel, int64_t pixels, int64_t tap, int64_t taps) {
    setPixels(pixel, pixels);
    const int64_t channel = tap / w_.taps(), channels = (tap + taps - 1) / w_.taps() + 1 - channel;
    const float* from = x + channel * w_.channelStride;
    if (way_ == Way::Direct) return from + pixel / w_.pixels() * w_.imageStride - w_.paddingHeight * w_.width - w_.paddingWidth;
    for (int64_t c = 0; c < channels; ++c) fillChannel(strip_ + c * channelSize_, from + c * w_.channelStride);
    return strip_;
  }

  void setPixels(int64_t first, int64_t count) {
    if (first == first_ && count == count_) return;
    first_ = first;
    count_ = count;
    int64_t n = first / w_.pixels(), i = first % w_.pixels() / w_.outWidth, j = first % w_.outWidth;
    const bool direct = way_ == Way::Direct, oneRow = j + count <= w_.outWidth;
    firstColumn_ = oneRow ? j : 0;
    pitch_ = direct ? w_.width : ((oneRow ? count : w_.outWidth) - 1) * columnStep_ + w_.kernelWidth;
    parts_ = 0;
    int64_t row = 0;  // of the strip, for output row i
    const int64_t n0 = n;
    for (int64_t at = 0; at < count; ++i, j = 0) {
      if (i == w_.outHeight) {
        i = 0;
        ++n;
        row += w_.kernelHeight - step_;
      }
      if (at == 0 || i == 0) part_[parts_++] = {n, i * w_.strideHeight - w_.paddingHeight, 0};
      const int64_t base = direct ? (n - n0) * w_.imageStride + i * w_.strideHeight * w_.width : row * pitch_;
      const int64_t step = direct ? w_.strideWidth : columnStep_;
      for (; j < w_.outWidth && at < count; ++j) pixel_[at++] = static_cast<int32_t>(base + (j - (direct ? 0 : firstColumn_)) * step);
      row += step_;
      part_[parts_ - 1].rows += step_;
    }
    for (int64_t p = 0; p < parts_; ++p) part_[p].rows += w_.kernelHeight - step_;
    channelSize_ = direct ? w_.channelStride : (row + w_.kernelHeight - step_) * pitch_;
    rowSize_ = pitch_;
  }

  // body(k, offset) for taps first … in order
  template <class Body>
  void forTaps(int64_t first, int64_t count, const Body& body) const {
    int64_t c = 0, r = first % w_.taps() / w_.kernelWidth, s = first % w_.kernelWidth;
    for (int64_t k = 0; k < count; ++k) {
      body(k, c * channelSize_ + r * rowSize_ + s);
      if (++s < w_.kernelWidth) continue;
      s = 0;
      if (++r < w_.kernelHeight) continue;
      r = 0;
      ++c;
    }
  }

  void fillChannel(float* to, const float* channel) const {
    for (int64_t p = 0; p < parts_; ++p) {
      const float* x = channel + part_[p].image * w_.imageStride;
      int64_t y = part_[p].y, inStep = 0;
      for (int64_t row = 0; row < part_[p].rows; ++row, to += pitch_) {
        if (y >= 0 && y < w_.height)
          fillRow(to, x + y * w_.width);
        else
          for (int64_t i = 0; i < pitch_; ++i) to[i] = 0;
        // Rows of windows that lie apart leave out what is between them.
        ++y;
        if (++inStep == step_) {
          inStep = 0;
          y += w_.strideHeight - step_;
        }
      }
    }
  }

  void fillRow(float* to, const float* x) const {
    const int64_t from = firstColumn_ * w_.strideWidth - w_.paddingWidth;
    if (columnStep_ == w_.strideWidth) return fillRun(to, x, from, pitch_);
    for (int64_t at = 0; at < pitch_; at += w_.kernelWidth)
      fillRun(to + at, x, from + at / w_.kernelWidth * w_.strideWidth, w_.kernelWidth);
  }

  // to[t] = x[from + t], 0 outside the image
  void fillRun(float* to, const float* x, int64_t from, int64_t count) const {
    const int64_t begin = least(count, from < 0 ? -from : 0), end = most(begin, least(count, w_.width - from));
#if defined(__AVX512F__)
    // Whole vectors, here and below: what is written beyond the run is written again, rightly, by the next.
    for (int64_t t = 0; t < count; t += kLanes) {
      const int64_t low = most(0, least(kLanes, begin - t)), high = most(0, least(kLanes, end - t));
      const __mmask16 mask = static_cast<__mmask16>((1u << high) - (1u << low));
      store(to + t, _mm512_maskz_loadu_ps(mask, x + from + t));
      __builtin_prefetch(x + from + t + 4 * w_.channelStride);
    }
#elif defined(__AVX2__)
    const __m256i low = _mm256_set1_epi32(static_cast<int>(begin)), high = _mm256_set1_epi32(static_cast<int>(end));
    __m256i at = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    for (int64_t t = 0; t < count; t += kLanes) {
      const __m256i mask = _mm256_andnot_si256(_mm256_cmpgt_epi32(low, at), _mm256_cmpgt_epi32(high, at));
      store(to + t, _mm256_maskload_ps(x + from + t, mask));
      __builtin_prefetch(x + from + t + 4 * w_.channelStride);
      at = _mm256_add_epi32(at, _mm256_set1_epi32(kLanes));
    }
#else
    for (int64_t t = 0; t < begin; ++t) to[t] = 0;
    copyRun(to + begin, x + from + begin, end - begin);
    for (int64_t t = end; t < count; ++t) to[t] = 0;
#endif
  }

  float element(const float* x, int64_t pixel, int64_t tap) const {
    const int64_t n = pixel / w_.pixels(), i = pixel % w_.pixels() / w_.outWidth, j = pixel % w_.outWidth;
    const int64_t c = tap / w_.taps(), r = tap % w_.taps() / w_.kernelWidth, s = tap % w_.kernelWidth;
    const int64_t y = i * w_.strideHeight + r - w_.paddingHeight, z = j * w_.strideWidth + s - w_.paddingWidth;
    if (y < 0 || y >= w_.height || z < 0 || z >= w_.width) return 0;
    return x[n * w_.imageStride + c * w_.channelStride + y * w_.width + z];
  }

  Window w_;
  Way way_;
  int64_t step_, columnStep_;  // from one output pixel's window to the next, in the strip
  float* strip_;

  // The chosen pixels.
  int64_t first_, count_;
  int64_t firstColumn_, pitch_, channelSize_, rowSize_;
  int64_t parts_;
  struct Part {
    int64_t image, y, rows;  // strip rows of one image, from row y of x (which may lie outside) on
  } part_[kMostPixels];
  int32_t pixel_[kMostPixels];
};

// A reader for each worker.
class WindowReaders {
 public:
  WindowReaders(const Window& window, int workers)
      : window_(window), workers_(workers), strip_(ceilDiv(WindowReader::floats(window), kAlign) * kAlign) {}

  int64_t floats() const { return workers_ * (kReader + strip_); }
  // `memory` has room for floats() and is aligned as scratch memory is.
  void prepare(float* memory) {
    memory_ = memory;
    for (int i = 0; i < workers_; ++i) at(i).init(window_, memory_ + i * (kReader + strip_) + kReader);
  }
  WindowReader& at(int worker) const { return *reinterpret_cast<WindowReader*>(memory_ + worker * (kReader + strip_)); }

 private:
  static constexpr int64_t kAlign = 64;
  static constexpr int64_t kReader = (sizeof(WindowReader) / sizeof(float) + kAlign) / kAlign * kAlign;
  Window window_;
  int workers_;
  int64_t strip_;
  float* memory_ = nullptr;
};

}  // namespace convtape::cpu::CONVTAPE_ISA
