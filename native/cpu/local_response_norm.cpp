#include "cpu/kernels.h"
#include "cpu/response.h"
#include "cpu/response_quads.h"
#include "cpu/response_tiles.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

constexpr int64_t kForwardTile = 1024, kBackwardTile = 512;  // pixels

// The rows that a channel's window holds, in the order of the channels; as many as there are.
class Window {
 public:
  static int64_t most(const ResponseTiles& tiles) { return 2 * tiles.half + 1; }

  // `memory` holds the most pointers there are.
  template <class RowOf>
  Window(int64_t c, const ResponseTiles& tiles, const float** memory, RowOf&& rowOf) : row_(memory) {
    for (int64_t j = c - tiles.half; j <= c + tiles.half; ++j)
      if (j >= 0 && j < tiles.channels) row_[count_++] = rowOf(j);
  }
  int64_t count() const { return count_; }
  const float* operator[](int64_t i) const { return row_[i]; }

 private:
  const float** row_;
  int64_t count_ = 0;
};

// Scratch memory of one worker.
struct Scratch {
  // For `rings` rows of a tile.
  static int64_t bytes(const ResponseTiles& tiles, int64_t rings) {
    const int64_t rows = rings * tiles.width * static_cast<int64_t>(sizeof(float));
    const int64_t pointers = Window::most(tiles) * static_cast<int64_t>(sizeof(float*));
    return (rows + pointers + 255) / 256 * 256;
  }
  Scratch(void* memory, const ResponseTiles& tiles, int64_t rings)
      : ring(static_cast<float*>(memory)), pointers(reinterpret_cast<const float**>(ring + rings * tiles.width)) {}
  float* ring;
  const float** pointers;
};

template <class Beta>
void forward(const LocalResponseNorm::Params& p, const float* x, float* y, Context& context, Beta beta) {
  const ResponseTiles tiles(p, kForwardTile);
  const int workers = Pool::instance().workers();
  const int64_t bytes = Scratch::bytes(tiles, 0);
  char* memory = static_cast<char*>(context.scratch(static_cast<size_t>(workers * bytes)));
  const Vec alpha = splat(p.alpha), k = splat(p.k);
  auto task = [&](int64_t i, int worker) {
    const Scratch scratch(memory + worker * bytes, tiles, 0);
    const float* from = x + tiles.offset(i);
    float* to = y + tiles.offset(i);
    for (int64_t c = 0; c < tiles.channels; ++c) {
      const Window window(c, tiles, scratch.pointers, [&](int64_t j) { return from + j * tiles.pitch; });
      const float* own = from + c * tiles.pitch;
      const float* ahead = c + tiles.half + 1 < tiles.channels ? own + (tiles.half + 1) * tiles.pitch : own;
      float* out = to + c * tiles.pitch;
      forVectors(0, tiles.pixels(i), [&](int64_t v, auto lanes) {
        __builtin_prefetch(ahead + v);
        Vec sum{};
        for (int64_t j = 0; j < window.count(); ++j) {
          const Vec a = lanes.load(window[j] + v);
          sum = fma(a, a, sum);
        }
        lanes.store(out + v, lanes.load(own + v) * beta.power(fma(alpha, sum, k)));
      });
    }
  };
  parallelForWorkers(tiles.count, workers, task);
}

// Two passes over a tile, the second ⌊size/2⌋ channels behind the first. The first leaves dy·s^−beta and dy·x·s^−(beta+1) in rings of
// rows; the second takes 2·alpha·beta·x times the sum of the latter over the window from the former.
template <class Beta>
void backward(const LocalResponseNorm::Params& p, const float* dy, const float* x, float* dx, Context& context, Beta beta) {
  const ResponseTiles tiles(p, kBackwardTile);
  const int workers = Pool::instance().workers();
  const int64_t termRows = 2 * tiles.half + 1, shareRows = tiles.half + 1, rings = termRows + shareRows;
  const int64_t bytes = Scratch::bytes(tiles, rings);
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
        const Window window(step, tiles, scratch.pointers, rowOfX);
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
      const Window window(c, tiles, scratch.pointers, terms);
      const float *own = rowOfX(c), *share = shares(c);
      float* out = dx + offset + c * tiles.pitch;
      forVectors(0, pixels, [&](int64_t v, auto lanes) {
        Vec sum{};
        for (int64_t j = 0; j < window.count(); ++j) sum += lanes.load(window[j] + v);
        lanes.store(out + v, fma(lanes.load(own + v) * factor, sum, lanes.load(share + v)));
      });
    }
  };
  parallelForWorkers(tiles.count, workers, task);
}

// The text's window of five channels has a way of its own.
bool isOfFive(const LocalResponseNorm::Params& p) { return ResponseTiles(p, 1).half == 2; }
bool isLargeNorm(const LocalResponseNorm::Params& p) { return isLarge(p.outer * p.channels * p.pixels); }

}  // namespace

void run(const LocalResponseNorm::Params& p, const Operands& o, Context& context) {
  if (p.outer * p.pixels == 0) return;
  const float* x = o.in[0].f32();
  float* y = o.out[0].f32();
  withBeta(p.beta, [&](auto beta) {
    if (!isOfFive(p)) return forward(p, x, y, context, beta);
    isLargeNorm(p) ? forwardQuads<true>(p, x, y, context, beta) : forwardQuads<false>(p, x, y, context, beta);
  });
}

void run(const LocalResponseNormGrad::Params& p, const Operands& o, Context& context) {
  if (p.outer * p.pixels == 0) return;
  const float *dy = o.in[0].f32(), *x = o.in[1].f32();
  float* dx = o.out[0].f32();
  withBeta(p.beta, [&](auto beta) {
    if (!isOfFive(p)) return backward(p, dy, x, dx, context, beta);
    isLargeNorm(p) ? backwardQuads<true>(p, dy, x, dx, context, beta) : backwardQuads<false>(p, dy, x, dx, context, beta);
  });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
