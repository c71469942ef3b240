#include "cpu/chunks.h"
#include "cpu/kernels.h"
#include "cpu/response.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

// Σ x² over `rows` channels at one vector of pixels, added in the order of the channels.
template <class Lanes>
inline Vec sumOfSquares(const float* x, int64_t pitch, int64_t rows, Lanes lanes) {
  Vec sum{};
  for (int64_t j = 0; j < rows; ++j) {
    const Vec a = lanes.load(x + j * pitch);
    sum = fma(a, a, sum);
  }
  return sum;
}

struct Window {
  int64_t begin, rows;
  Window(int64_t c, int64_t half, int64_t channels) {
    begin = c < half ? 0 : c - half;
    rows = (channels - 1 - c < half ? channels : c + half + 1) - begin;
  }
};

// Pixels that one task takes through all channels of a group: the rows in a window stay in the first-level cache, so every input
// comes from memory once.
constexpr int64_t kTile = 1024;

struct Tiles {
  Tiles(const LocalResponseNorm::Params& p, int64_t tile)
      : channels(p.groups ? p.channels / p.groups : 0),
        half(p.size / 2 < channels ? p.size / 2 : channels),
        tile(tile),
        perPlane((p.pixels + tile - 1) / tile),
        count(channels ? p.outer * p.groups * perPlane : 0) {}
  int64_t channels, half;  // of one group
  int64_t tile, perPlane, count;
};

template <class Beta>
void forward(const LocalResponseNorm::Params& p, const float* x, float* y, Beta beta) {
  const Tiles tiles(p, kTile);
  auto task = [&](int64_t i) {
    const int64_t first = i % tiles.perPlane * tiles.tile;
    const int64_t pixels = p.pixels - first < tiles.tile ? p.pixels - first : tiles.tile;
    const int64_t offset = i / tiles.perPlane * tiles.channels * p.pixels + first;
    for (int64_t c = 0; c < tiles.channels; ++c) {
      const Window w(c, tiles.half, tiles.channels);
      const float* rows = x + offset + w.begin * p.pixels;
      const float* own = x + offset + c * p.pixels;
      float* out = y + offset + c * p.pixels;
      forVectors(0, pixels, [&](int64_t v, auto lanes) {
        const Vec s = fma(splat(p.alpha), sumOfSquares(rows + v, p.pixels, w.rows, lanes), splat(p.k));
        lanes.store(out + v, lanes.load(own + v) * beta.power(s));
      });
    }
  };
  parallelFor(tiles.count, task);
}

// Two passes in a tile, the second ⌊size/2⌋ channels behind the first: dy·s^−beta goes to dx, dy·x·s^−(beta+1) to `terms`
// (channels×tile); then dx loses 2·alpha·beta·x times the sum of `terms` over the window.
template <class Beta>
void backward(const LocalResponseNorm::Params& p, const float* dy, const float* x, float* dx, Context& context, Beta beta) {
  constexpr int64_t kGradTile = 512;
  const Tiles tiles(p, kGradTile);
  if (tiles.count == 0) return;
  const Chunks chunks(tiles.count, 64);
  const int64_t termsSize = tiles.channels * kGradTile;
  float* scratch = static_cast<float*>(context.scratch(static_cast<size_t>(chunks.tasks * termsSize) * sizeof(float)));
  const float factor = -2.0f * p.alpha * p.beta;
  auto task = [&](int64_t t) {
    float* terms = scratch + t * termsSize;
    for (int64_t i = chunks.begin(t); i < chunks.end(t); ++i) {
      const int64_t first = i % tiles.perPlane * tiles.tile;
      const int64_t pixels = p.pixels - first < tiles.tile ? p.pixels - first : tiles.tile;
      const int64_t offset = i / tiles.perPlane * tiles.channels * p.pixels + first;
      for (int64_t step = 0; step < tiles.channels + tiles.half; ++step) {
        if (step < tiles.channels) {
          const Window w(step, tiles.half, tiles.channels);
          const float* rows = x + offset + w.begin * p.pixels;
          const int64_t at = offset + step * p.pixels;
          float* term = terms + step * kGradTile;
          forVectors(0, pixels, [&](int64_t v, auto lanes) {
            const Vec s = fma(splat(p.alpha), sumOfSquares(rows + v, p.pixels, w.rows, lanes), splat(p.k));
            Vec next;
            const Vec power = beta.powers(s, &next);
            const Vec d = lanes.load(dy + at + v);
            lanes.store(dx + at + v, d * power);
            store(term + v, d * lanes.load(x + at + v) * next);
          });
        }
        const int64_t c = step - tiles.half;
        if (c >= 0) {
          const Window w(c, tiles.half, tiles.channels);
          const float* rows = terms + w.begin * kGradTile;
          const int64_t at = offset + c * p.pixels;
          forVectors(0, pixels, [&](int64_t v, auto lanes) {
            Vec sum{};
            for (int64_t j = 0; j < w.rows; ++j) sum += load(rows + j * kGradTile + v);
            lanes.store(dx + at + v, fma(lanes.load(x + at + v) * factor, sum, lanes.load(dx + at + v)));
          });
        }
      }
    }
  };
  parallelFor(chunks.tasks, task);
}

}  // namespace

void run(const LocalResponseNorm::Params& p, const Operands& o, Context&) {
  withBeta(p.beta, [&](auto beta) { forward(p, o.in[0].f32(), o.out[0].f32(), beta); });
}

void run(const LocalResponseNormGrad::Params& p, const Operands& o, Context& context) {
  withBeta(p.beta, [&](auto beta) { backward(p, o.in[0].f32(), o.in[1].f32(), o.out[0].f32(), context, beta); });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
