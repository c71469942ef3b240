#include "cpu/kernels.h"
#include "cpu/response.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

// Sums over the windows of one plane, along its rows first and then along its columns: 2·size additions an element. kSize is the
// window's size where that is known at compile time, else 0.
template <int kSize>
class BoxSum {
 public:
  explicit BoxSum(const SpatialResponseNorm::Params& p)
      : height_(p.height),
        width_(p.width),
        before_(kSize ? kSize / 2 : p.size / 2),
        after_(kSize ? kSize - 1 - kSize / 2 : p.size - 1 - p.size / 2),
        across_(atMost(before_ > after_ ? before_ : after_, width_ - 1)),
        down_(atMost(before_ > after_ ? before_ : after_, height_ - 1)),
        pitch_(roundUp(2 * across_ + width_ + kLanes)),
        sumPitch_(roundUp(width_)) {}

  int64_t floats() const { return height_ * pitch_ + (height_ + 2 * down_) * sumPitch_; }
  // `memory` holds floats() zeros, and so the plane its padding.
  void use(float* memory) {
    plane_ = memory;
    sums_ = memory + height_ * pitch_;
  }
  // Where the terms of row h go: whole vectors, those beyond the width zero.
  float* row(int64_t h) const { return plane_ + h * pitch_ + across_; }

  // Sums along the rows; `mirrored`: over the elements whose window holds this one instead of over its own window.
  void alongRows(bool mirrored) const {
    const int64_t before = atMost(mirrored ? after_ : before_, width_ - 1), after = atMost(mirrored ? before_ : after_, width_ - 1);
    const int64_t count = exact() ? kSize : before + after + 1;
    for (int64_t h = 0; h < height_; ++h)
      for (int64_t w = 0; w < width_; w += kLanes) {
        const float* from = row(h) + w - before;
        Vec sum = load(from);
        for (int64_t d = 1; d < count; ++d) sum += load(from + d);
        store(sums_ + (down_ + h) * sumPitch_ + w, sum);
      }
  }
  // Of these, the sum down the columns at one vector: the whole window's.
  Vec alongColumns(int64_t h, int64_t w, bool mirrored) const {
    const int64_t before = atMost(mirrored ? after_ : before_, down_), after = atMost(mirrored ? before_ : after_, down_);
    const int64_t count = exact() ? kSize : before + after + 1;
    const float* from = sums_ + (down_ + h - before) * sumPitch_ + w;
    Vec sum = load(from);
    for (int64_t r = 1; r < count; ++r) sum += load(from + r * sumPitch_);
    return sum;
  }

 private:
  static int64_t atMost(int64_t n, int64_t most) { return n < most ? n : most; }
  static int64_t roundUp(int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }
  bool exact() const { return kSize && kSize / 2 < width_ && kSize / 2 < height_; }

  int64_t height_, width_, before_, after_;
  int64_t across_, down_;  // padding on either side
  int64_t pitch_, sumPitch_;
  float *plane_ = nullptr, *sums_ = nullptr;
};

// Planes that make one task.
inline int64_t planesPerTask(const SpatialResponseNorm::Params& p) {
  const int64_t plane = p.height * p.width;
  return plane < 1 << 14 ? (1 << 14) / plane : 1;
}

// body(plane, box) for all planes, in tasks.
template <int kSize, class Body>
void forPlanes(const SpatialResponseNorm::Params& p, Context& context, Body&& body) {
  const BoxSum<kSize> box(p);
  const int workers = Pool::instance().workers();
  float* scratch = static_cast<float*>(context.scratch(static_cast<size_t>(workers * box.floats()) * sizeof(float)));
  for (int64_t i = 0; i < workers * box.floats(); ++i) scratch[i] = 0;
  const int64_t each = planesPerTask(p);
  auto task = [&](int64_t t, int worker) {
    BoxSum<kSize> own = box;
    own.use(scratch + worker * box.floats());
    for (int64_t plane = t * each; plane < p.planes && plane < (t + 1) * each; ++plane) body(plane * p.height * p.width, own);
  };
  parallelForWorkers((p.planes + each - 1) / each, workers, task);
}

template <int kSize>
void squares(const SpatialResponseNorm::Params& p, const float* x, const BoxSum<kSize>& box) {
  for (int64_t h = 0; h < p.height; ++h)
    forVectors(0, p.width, [&](int64_t w, auto lanes) {
      const Vec a = lanes.load(x + h * p.width + w);
      lanes.store(box.row(h) + w, a * a);
    });
  box.alongRows(false);
}

template <int kSize, class Beta>
void forward(const SpatialResponseNorm::Params& p, const float* x, float* y, Context& context, Beta beta) {
  const Vec alpha = splat(p.alpha), k = splat(p.k);
  forPlanes<kSize>(p, context, [&](int64_t at, const BoxSum<kSize>& box) {
    squares(p, x + at, box);
    for (int64_t h = 0; h < p.height; ++h)
      forVectors(0, p.width, [&](int64_t w, auto lanes) {
        const Vec s = fma(alpha, box.alongColumns(h, w, false), k);
        lanes.store(y + at + h * p.width + w, lanes.load(x + at + h * p.width + w) * beta.power(s));
      });
  });
}

template <int kSize, class Beta>
void backward(const SpatialResponseNorm::Params& p, const float* dy, const float* x, float* dx, Context& context, Beta beta) {
  const Vec alpha = splat(p.alpha), k = splat(p.k), factor = splat(-2.0f * p.alpha * p.beta);
  forPlanes<kSize>(p, context, [&](int64_t at, const BoxSum<kSize>& box) {
    squares(p, x + at, box);
    for (int64_t h = 0; h < p.height; ++h)
      forVectors(0, p.width, [&](int64_t w, auto lanes) {
        const int64_t here = at + h * p.width + w;
        Vec next;
        const Vec power = beta.powers(fma(alpha, box.alongColumns(h, w, false), k), &next);
        const Vec given = lanes.load(dy + here);
        lanes.store(dx + here, given * power);
        lanes.store(box.row(h) + w, given * lanes.load(x + here) * next);
      });
    box.alongRows(true);
    for (int64_t h = 0; h < p.height; ++h)
      forVectors(0, p.width, [&](int64_t w, auto lanes) {
        const int64_t here = at + h * p.width + w;
        const Vec sum = box.alongColumns(h, w, true);
        lanes.store(dx + here, fma(lanes.load(x + here) * factor, sum, lanes.load(dx + here)));
      });
  });
}

}  // namespace

void run(const SpatialResponseNorm::Params& p, const Operands& o, Context& context) {
  if (p.planes * p.height * p.width == 0) return;
  withBeta(p.beta, [&](auto beta) {
    if (p.size == 5)
      forward<5>(p, o.in[0].f32(), o.out[0].f32(), context, beta);
    else
      forward<0>(p, o.in[0].f32(), o.out[0].f32(), context, beta);
  });
}

void run(const SpatialResponseNormGrad::Params& p, const Operands& o, Context& context) {
  if (p.planes * p.height * p.width == 0) return;
  withBeta(p.beta, [&](auto beta) {
    if (p.size == 5)
      backward<5>(p, o.in[0].f32(), o.in[1].f32(), o.out[0].f32(), context, beta);
    else
      backward<0>(p, o.in[0].f32(), o.in[1].f32(), o.out[0].f32(), context, beta);
  });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
