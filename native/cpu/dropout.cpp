#include <algorithm>

#include "core/philox.h"
#include "cpu/elements.h"
#include "cpu/philox_vec.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

class Mask {
 public:
  explicit Mask(const Dropout::Params& p)
      : seed_(static_cast<uint64_t>(p.seed)), threshold_(p.threshold()), scale_(p.scale), draw_(seed_) {}

  // y = mask · x over n neighbouring elements of which the first draws number `draw`.
  // `streams`: past the caches, where lines and counters begin together.
  void apply(const float* x, float* y, int64_t n, int64_t draw, bool streams) const {
    int64_t i = 0;
    for (; i < n && (draw + i) % 4; ++i) one(x + i, y + i, draw + i);
    if (streams && pastLine(y + i) == 0)
      fromCounter<StreamedAhead>(x + i, y + i, n - i, (draw + i) / 4);
    else
      fromCounter<Whole>(x + i, y + i, n - i, (draw + i) / 4);
  }

 private:
  void one(const float* x, float* y, int64_t draw) const {
    const uint32_t word = philox(static_cast<uint64_t>(draw) / 4, seed_).v[draw % 4];
    *y = word < threshold_ ? *x * scale_ : 0;
  }

  // n elements, the first of which draws the first word of `counter`.
  template <class Lanes>
  void fromCounter(const float* x, float* y, int64_t n, int64_t counter) const {
    // By value: a store through y could change what is held by reference.
    const VecU most = static_cast<uint32_t>(threshold_ - 1) - VecU{};  // of a threshold above 0; 2^32 does not fit a word
    const Vec scale = splat(scale_);
    const auto put = [&, most, scale](int64_t at, VecU word, auto lanes) {
      const VecI keep = word <= most;
      lanes.store(y + at, keep ? lanes.load(x + at) * scale : Vec{});
    };
    VecU words[PhiloxVec::kVectors];
    int64_t i = 0;
    for (; i + PhiloxVec::kWords <= n; i += PhiloxVec::kWords) {
      draw_(static_cast<uint64_t>(counter + i / 4), words);
#pragma GCC unroll 8
      for (int j = 0; j < PhiloxVec::kVectors; ++j) put(i + j * kLanes, words[j], Lanes{});
    }
    if (i == n) return;
    draw_(static_cast<uint64_t>(counter + i / 4), words);
    forVectors(i, n, [&](int64_t v, auto lanes) { put(v, words[(v - i) / kLanes], lanes); });
  }

  uint64_t seed_, threshold_;
  float scale_;
  PhiloxVec draw_;
};

}  // namespace

void run(const Dropout::Params& p, const Operands& o, Context&) {
  const float* x = o.in[0].f32();
  float* y = o.out[0].f32();
  const Mask mask(p);
  const bool none = p.threshold() == 0;
  forPieces(p.count, [&](int64_t begin, int64_t end, auto streams) {
    if (none) {
      std::fill(y + begin, y + end, 0.0f);
      return;
    }
    for (int64_t i = begin; i < end;) {
      const int64_t row = i / p.columns, column = i % p.columns;
      const int64_t left = p.columns - column < end - i ? p.columns - column : end - i;
      mask.apply(x + i, y + i, left, row * p.pitch + p.offset + column, streams);
      i += left;
    }
  });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
