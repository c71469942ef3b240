#include "cpu/kernels.h"
#include "cpu/response.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

constexpr int64_t kForwardTile = 1024, kBackwardTile = 512;  // pixels

// One task takes a tile of neighbouring pixels of one image through all channels of a group. The rows in the window stay in the
// first-level cache, so every input comes from memory once.
struct Tiles {
  Tiles(const LocalResponseNorm::Params& p, int64_t width)
      : channels(p.channels / p.groups),
        half(p.size / 2 < channels ? p.size / 2 : channels),
        pitch(p.pixels),
        width(width),
        perPlane((p.pixels + width - 1) / width),
        count(p.outer * p.groups * perPlane) {}
  int64_t first(int64_t i) const { return i % perPlane * width; }
  int64_t pixels(int64_t i) const { return pitch - first(i) < width ? pitch - first(i) : width; }
  // Element of x where tile i starts.
  int64_t offset(int64_t i) const { return i / perPlane * channels * pitch + first(i); }

  int64_t channels, half;  // of one group
  int64_t pitch, width, perPlane, count;
};

// The rows that a channel's window holds, in the order of the channels; kRows of them, or as many as there are where kRows is 0.
template <int kRows>
class Window {
 public:
  static int64_t pointers(const Tiles& tiles) { return kRows ? 0 : 2 * tiles.half + 1; }

  // Where their number is fixed, channels that do not exist are rows of zeros, which add nothing.
  template <class RowOf>
  Window(int64_t c, const Tiles& tiles, const float** memory, const float* zeros, RowOf&& rowOf) : row_(kRows ? fixed_ : memory) {
    for (int64_t j = c - tiles.half; j <= c + tiles.half; ++j)
      if (j >= 0 && j < tiles.channels)
        row_[count_++] = rowOf(j);
      else if (kRows)
        row_[count_++] = zeros;
  }
  int64_t count() const { return kRows ? kRows : count_; }
  const float* operator[](int64_t i) const { return kRows ? fixed_[i] : row_[i]; }

 private:
  const float* fixed_[kRows ? kRows : 1];
  const float** row_;
  int64_t count_ = 0;
};

// Scratch memory of one worker.
struct Scratch {
  // For `rings` rows of a tile besides the row of zeros.
  template <int kRows>
  static int64_t bytes(const Tiles& tiles, int64_t rings) {
    const int64_t rows = (rings + 1) * tiles.width * static_cast<int64_t>(sizeof(float));
    const int64_t pointers = Window<kRows>::pointers(tiles) * static_cast<int64_t>(sizeof(float*));
    return (rows + pointers + 255) / 256 * 256;
  }
  Scratch(void* memory, const Tiles& tiles, int64_t rings)
      : zeros(static_cast<float*>(memory)),
        ring(zeros + tiles.width),
        pointers(reinterpret_cast<const float**>(ring + rings * tiles.width)) {
    for (int64_t i = 0; i < tiles.width; ++i) zeros[i] = 0;
  }
  float *zeros, *ring;
  const float** pointers;
};

template <int kRows, bool kStream, class Beta>
void forward(const LocalResponseNorm::Params& p, const float* x, float* y, Context& context, Beta beta) {
  const Tiles tiles(p, kForwardTile);
  const int workers = Pool::instance().workers();
  const int64_t bytes = Scratch::bytes<kRows>(tiles, 0);
  char* memory = static_cast<char*>(context.scratch(static_cast<size_t>(workers * bytes)));
  for (int w = 0; w < workers; ++w) Scratch(memory + w * bytes, tiles, 0);
  const Vec alpha = splat(p.alpha), k = splat(p.k);
  auto task = [&](int64_t i, int worker) {
    const Scratch scratch(memory + worker * bytes, tiles, 0);
    const float* from = x + tiles.offset(i);
    float* to = y + tiles.offset(i);
    for (int64_t c = 0; c < tiles.channels; ++c) {
      const Window<kRows> window(c, tiles, scratch.pointers, scratch.zeros, [&](int64_t j) { return from + j * tiles.pitch; });
      const float* own = from + c * tiles.pitch;
      const float* ahead = c + tiles.half + 1 < tiles.channels ? own + (tiles.half + 1) * tiles.pitch : own;
      float* out = to + c * tiles.pitch;
      forOutputs<kStream>(out, 0, tiles.pixels(i), [&](int64_t v, auto lanes) {
        __builtin_prefetch(ahead + v);
        Vec sum{};
        for (int64_t j = 0; j < window.count(); ++j) {
          const Vec a = lanes.load(window[j] + v);
          sum = fma(a, a, sum);
        }
        lanes.store(out + v, lanes.load(own + v) * beta.power(fma(alpha, sum, k)));
      });
    }
    if (kStream) streamFence();
  };
  parallelForWorkers(tiles.count, workers, task);
}

// Two passes over a tile, the second ⌊size/2⌋ channels behind the first. The first leaves dy·s^−beta and dy·x·s^−(beta+1) in rings of
// rows; the second takes 2·alpha·beta·x times the sum of the latter over the window from the former.
template <int kRows, bool kStream, class Beta>
void backward(const LocalResponseNorm::Params& p, const float* dy, const float* x, float* dx, Context& context, Beta beta) {
  const Tiles tiles(p, kBackwardTile);
  const int workers = Pool::instance().workers();
  const int64_t termRows = 2 * tiles.half + 1, shareRows = tiles.half + 1, rings = termRows + shareRows;
  const int64_t bytes = Scratch::bytes<kRows>(tiles, rings);
  char* memory = static_cast<char*>(context.scratch(static_cast<size_t>(workers * bytes)));
  const Vec alpha = splat(p.alpha), k = splat(p.k), factor = splat(-2.0f * p.alpha * p.beta);
  auto task = [&](int64_t i, int worker) {
    const Scratch scratch(memory + worker * bytes, tiles, rings);
    const auto terms = [&](int64_t c) { return scratch.ring + c % termRows * tiles.width; };
    const auto shares = [&](int64_t c) { return scratch.ring + (termRows + c % shareRows) * tiles.width; };
    const int64_t offset = tiles.offset(i), pixels = tiles.pixels(i);
    const auto rowOfX = [&](int64_t j) { return x + offset + j * tiles.pitch; };
    for (int64_t step = 0; step < tiles.channels + tiles.half; ++step) {
      if (step < tiles.channels) {
        const Window<kRows> window(step, tiles, scratch.pointers, scratch.zeros, rowOfX);
        const float *own = rowOfX(step), *d = dy + offset + step * tiles.pitch;
        const float* ahead = step + tiles.half + 1 < tiles.channels ? own + (tiles.half + 1) * tiles.pitch : own;
        const float* dAhead = step + 1 < tiles.channels ? d + tiles.pitch : d;
        float *term = terms(step), *share = shares(step);
        forVectors(0, pixels, [&](int64_t v, auto lanes) {
          __builtin_prefetch(ahead + v);
          __builtin_prefetch(dAhead + v);
          Vec sum{};
          for (int64_t j = 0; j < window.count(); ++j) {
            const Vec a = lanes.load(window[j] + v);
            sum = fma(a, a, sum);
          }
          Vec next;
          const Vec power = beta.powers(fma(alpha, sum, k), &next);
          const Vec given = lanes.load(d + v);
          store(share + v, given * power);
          store(term + v, given * lanes.load(own + v) * next);
        });
      }
      const int64_t c = step - tiles.half;
      if (c < 0) continue;
      const Window<kRows> window(c, tiles, scratch.pointers, scratch.zeros, terms);
      const float *own = rowOfX(c), *share = shares(c);
      float* out = dx + offset + c * tiles.pitch;
      forOutputs<kStream>(out, 0, pixels, [&](int64_t v, auto lanes) {
        Vec sum{};
        for (int64_t j = 0; j < window.count(); ++j) sum += lanes.load(window[j] + v);
        lanes.store(out + v, fma(lanes.load(own + v) * factor, sum, lanes.load(share + v)));
      });
    }
    if (kStream) streamFence();
  };
  parallelForWorkers(tiles.count, workers, task);
}

// body(rows, stream) with what is known at compile time: the text's window of five channels, and whether the output is large.
template <class Body>
void specialise(const LocalResponseNorm::Params& p, Body&& body) {
  const bool large = isLarge(p.outer * p.channels * p.pixels);
  if (Tiles(p, 1).half == 2)
    large ? body(Constant<5>{}, Constant<true>{}) : body(Constant<5>{}, Constant<false>{});
  else
    body(Constant<0>{}, Constant<false>{});
}

}  // namespace

void run(const LocalResponseNorm::Params& p, const Operands& o, Context& context) {
  if (p.outer * p.pixels == 0) return;
  withBeta(p.beta, [&](auto beta) {
    specialise(p, [&](auto rows, auto large) { forward<rows, large>(p, o.in[0].f32(), o.out[0].f32(), context, beta); });
  });
}

void run(const LocalResponseNormGrad::Params& p, const Operands& o, Context& context) {
  if (p.outer * p.pixels == 0) return;
  withBeta(p.beta, [&](auto beta) {
    specialise(p, [&](auto rows, auto large) { backward<rows, large>(p, o.in[0].f32(), o.in[1].f32(), o.out[0].f32(), context, beta); });
  });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
