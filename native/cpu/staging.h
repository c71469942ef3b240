// Rows written one after the other, collected in the first-level cache and streamed to memory in whole vectors.
#pragma once

#include "cpu/vec.h"

#ifdef CONVTAPE_ISA
namespace convtape::cpu::CONVTAPE_ISA {

class Staging {
 public:
  static constexpr int64_t kFloats = 1024;

  // `buffer` holds kFloats. Where `streaming` is false, rows go to their place at once.
  Staging(float* to, float* buffer, bool streaming) : to_(to), buffer_(buffer), streaming_(streaming) {}
  // Where the next n floats are to be written.
  float* next(int64_t n) {
    if (!streaming_ || n > kFloats) {
      flush();
      float* direct = to_;
      to_ += n;
      return direct;
    }
    if (count_ + n > kFloats) flush();
    float* place = buffer_ + count_;
    count_ += n;
    return place;
  }
  // To be called last.
  void finish() {
    flush();
    if (streaming_) streamFence();
  }

 private:
  void flush() {
    forStreamed(to_, 0, count_, [&](int64_t v, auto lanes) { lanes.store(to_ + v, lanes.load(buffer_ + v)); });
    to_ += count_;
    count_ = 0;
  }

  float *to_, *buffer_;
  bool streaming_;
  int64_t count_ = 0;
};

}  // namespace convtape::cpu::CONVTAPE_ISA
#endif
