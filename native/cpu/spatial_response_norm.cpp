#include "cpu/chunks.h"
#include "cpu/kernels.h"
#include "cpu/response.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

struct Reach {
  int64_t before, after;  // elements of the window on either side of its own, no more than there can be in the plane
  Reach(int64_t before, int64_t after, int64_t extent)
      : before(before < extent ? before : extent - 1), after(after < extent ? after : extent - 1) {}
};

// Sums over windows of one plane: along the rows first, then along the columns, so 2·size additions an element.
class BoxSum {
 public:
  BoxSum(int64_t height, int64_t width, int64_t size)
      : height_(height), width_(width), before_(size / 2), after_(size - 1 - size / 2), padded_(3 * width + kLanes) {}
  int64_t scratchFloats() const { return padded_ + height_ * pitch(); }
  // Rows of planes that this class works on are whole vectors long.
  int64_t pitch() const { return (width_ + kLanes - 1) / kLanes * kLanes; }

  // out = sums of `plane` (both height×pitch) over the window, or over the elements whose window holds this one where `mirrored`.
  void operator()(const float* plane, bool mirrored, float* scratch, float* out) const {
    const int64_t before = mirrored ? after_ : before_, after = mirrored ? before_ : after_;
    const Reach across(before, after, width_), down(before, after, height_);
    float* padded = scratch;
    float* rows = scratch + padded_;
    for (int64_t i = 0; i < padded_; ++i) padded[i] = 0;
    for (int64_t h = 0; h < height_; ++h) {
      for (int64_t w = 0; w < width_; ++w) padded[across.before + w] = plane[h * pitch() + w];
      for (int64_t w = 0; w < width_; w += kLanes) {
        Vec sum{};
        for (int64_t d = 0; d <= across.before + across.after; ++d) sum += load(padded + w + d);
        store(rows + h * pitch() + w, sum);
      }
    }
    for (int64_t h = 0; h < height_; ++h) {
      const int64_t first = h < down.before ? 0 : h - down.before;
      const int64_t last = h + down.after < height_ ? h + down.after : height_ - 1;
      for (int64_t w = 0; w < width_; w += kLanes) {
        Vec sum{};
        for (int64_t r = first; r <= last; ++r) sum += load(rows + r * pitch() + w);
        store(out + h * pitch() + w, sum);
      }
    }
  }

 private:
  int64_t height_, width_, before_, after_, padded_;
};

template <class Beta>
void forward(const SpatialResponseNorm::Params& p, const float* x, float* y, Context& context, Beta beta) {
  const BoxSum box(p.height, p.width, p.size);
  const int64_t plane = p.height * box.pitch(), need = box.scratchFloats() + 2 * plane;
  const Chunks chunks(p.planes);
  float* scratch = static_cast<float*>(context.scratch(static_cast<size_t>(chunks.tasks * need) * sizeof(float)));
  auto task = [&](int64_t t) {
    float *squares = scratch + t * need, *sums = squares + plane, *own = sums + plane;
    for (int64_t i = chunks.begin(t); i < chunks.end(t); ++i) {
      const float* from = x + i * p.height * p.width;
      float* to = y + i * p.height * p.width;
      for (int64_t h = 0; h < p.height; ++h)
        forVectors(0, p.width, [&](int64_t w, auto lanes) {
          const Vec a = lanes.load(from + h * p.width + w);
          store(squares + h * box.pitch() + w, a * a);
        });
      box(squares, false, own, sums);
      for (int64_t h = 0; h < p.height; ++h)
        forVectors(0, p.width, [&](int64_t w, auto lanes) {
          const Vec s = fma(splat(p.alpha), load(sums + h * box.pitch() + w), splat(p.k));
          lanes.store(to + h * p.width + w, lanes.load(from + h * p.width + w) * beta.power(s));
        });
    }
  };
  parallelFor(chunks.tasks, task);
}

template <class Beta>
void backward(const SpatialResponseNorm::Params& p, const float* dy, const float* x, float* dx, Context& context, Beta beta) {
  const BoxSum box(p.height, p.width, p.size);
  const int64_t plane = p.height * box.pitch(), need = box.scratchFloats() + 2 * plane;
  const Chunks chunks(p.planes);
  float* scratch = static_cast<float*>(context.scratch(static_cast<size_t>(chunks.tasks * need) * sizeof(float)));
  const float factor = -2.0f * p.alpha * p.beta;
  auto task = [&](int64_t t) {
    float *terms = scratch + t * need, *sums = terms + plane, *own = sums + plane;
    for (int64_t i = chunks.begin(t); i < chunks.end(t); ++i) {
      const int64_t at = i * p.height * p.width;
      for (int64_t h = 0; h < p.height; ++h)
        forVectors(0, p.width, [&](int64_t w, auto lanes) {
          const Vec a = lanes.load(x + at + h * p.width + w);
          store(terms + h * box.pitch() + w, a * a);
        });
      box(terms, false, own, sums);
      for (int64_t h = 0; h < p.height; ++h)
        forVectors(0, p.width, [&](int64_t w, auto lanes) {
          const int64_t here = at + h * p.width + w;
          const Vec s = fma(splat(p.alpha), load(sums + h * box.pitch() + w), splat(p.k));
          Vec next;
          const Vec power = beta.powers(s, &next);
          const Vec d = lanes.load(dy + here);
          lanes.store(dx + here, d * power);
          store(terms + h * box.pitch() + w, d * lanes.load(x + here) * next);
        });
      box(terms, true, own, sums);
      for (int64_t h = 0; h < p.height; ++h)
        forVectors(0, p.width, [&](int64_t w, auto lanes) {
          const int64_t here = at + h * p.width + w;
          lanes.store(dx + here, fma(lanes.load(x + here) * factor, load(sums + h * box.pitch() + w), lanes.load(dx + here)));
        });
    }
  };
  parallelFor(chunks.tasks, task);
}

}  // namespace

void run(const SpatialResponseNorm::Params& p, const Operands& o, Context& context) {
  if (p.planes * p.height * p.width == 0) return;
  withBeta(p.beta, [&](auto beta) { forward(p, o.in[0].f32(), o.out[0].f32(), context, beta); });
}

void run(const SpatialResponseNormGrad::Params& p, const Operands& o, Context& context) {
  if (p.planes * p.height * p.width == 0) return;
  withBeta(p.beta, [&](auto beta) { backward(p, o.in[0].f32(), o.in[1].f32(), o.out[0].f32(), context, beta); });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
