#include "core/philox.h"
#include "cpu/kernels.h"
#include "cpu/philox_vec.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

class Mask {
 public:
  explicit Mask(const Dropout::Params& p)
      : seed_(static_cast<uint64_t>(p.seed)), threshold_(p.threshold()), scale_(p.scale), draw_(seed_) {}

  // y = mask · x over n neighbouring elements of which the first draws number `draw`.
  void apply(const float* x, float* y, int64_t n, int64_t draw) const {
    int64_t i = 0;
    for (; i < n && (draw + i) % 4; ++i) one(x + i, y + i, draw + i);
    for (; i + PhiloxVec::kWords <= n; i += PhiloxVec::kWords) {
      VecU a, b;
      draw_(static_cast<uint64_t>((draw + i) / 4), &a, &b);
      store(y + i, kept(a, load(x + i)));
      store(y + i + kLanes, kept(b, load(x + i + kLanes)));
    }
    for (; i < n; ++i) one(x + i, y + i, draw + i);
  }

 private:
  void one(const float* x, float* y, int64_t draw) const {
    const uint32_t word = philox(static_cast<uint64_t>(draw) / 4, seed_).v[draw % 4];
    *y = word < threshold_ ? *x * scale_ : 0;
  }
  // For a threshold above 0; 2^32 does not fit a word.
  Vec kept(VecU words, Vec x) const {
    const VecI keep = words <= static_cast<uint32_t>(threshold_ - 1) - VecU{};
    return keep ? x * scale_ : Vec{};
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
  constexpr int64_t kGrain = 1 << 14;
  parallelRanges(p.count, kGrain, [&](int64_t begin, int64_t end) {
    if (none) {
      for (int64_t i = begin; i < end; ++i) y[i] = 0;
      return;
    }
    for (int64_t i = begin; i < end;) {
      const int64_t row = i / p.columns, column = i % p.columns;
      const int64_t left = p.columns - column < end - i ? p.columns - column : end - i;
      mask.apply(x + i, y + i, left, row * p.pitch + p.offset + column);
      i += left;
    }
  });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
