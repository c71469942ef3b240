// Convolution with fewer multiplications (Winograd, 1980; Lavin and Gray, arXiv:1509.09308), for stride 1 and kernels of 3×3 and 5×5, and
// for those that are one of these when the image is folded by their stride.
//
// F(2,3) computes two outputs y of a kernel g of three taps from four inputs d with four products instead of six:
//   m0 = (d0 − d2) g0, m1 = (d1 + d2) (g0 + g1 + g2)/2, m2 = (d2 − d1) (g0 − g1 + g2)/2, m3 = (d1 − d3) g2
//   y0 = m0 + m1 + m2, y1 = m1 − m2 − m3
// and F(2,2) two outputs of two taps from three: m0 = (d0 − d1) g0, m1 = d1 (g0 + g1), m2 = (d1 − d2) g1; y0 = m0 + m1, y1 = m1 − m2.
// A kernel of five taps is one of three beside one of two: seven products instead of ten. In two dimensions each row, then each column is
// treated so: a tile of 2×2 outputs takes 16 products a channel where there were 36, or 49 where there were 100. Sums over channels are
// taken of the products, so that for each of the 16 (49) "points" there is one matrix product, tiles by channels times channels by maps.
// All factors are 0, ±1 and ±1/2: rounding is that of a few additions more. (Larger tiles would save more and round by factors of 4 to 16.)
//
// An image folded by a stride f has for each channel f² of them, (a, b) holding the pixels (f·i + a, f·j + b): a convolution with stride f
// and k×k taps is one of it with stride 1 and ⌈k/f⌉×⌈k/f⌉ taps, zeros where f·r + a or f·s + b is not below k. AlexNet's conv1, 11×11 at
// stride 4 over 3 channels, is one of 3×3 over 48.
#pragma once

#include "core/ops/conv2d.h"
#include "cpu/pack.h"

namespace convtape::cpu::CONVTAPE_ISA {

constexpr int64_t kMostFold = 8;

// How many taps a kernel of so many has in the image folded by its stride.
static inline int64_t foldedTaps(int64_t kernel, int64_t fold) { return ceilDiv(kernel, fold); }

// Whether the scheme is the faster way, for maps of outHeight×outWidth. It saves multiplications, costs additions with every channel and
// map of a tile, as dear as 14 multiplications by measurement, and transforms the weights, for as much as 8 tiles. By sizes alone.
static inline bool winogradPays(const ConvSizes& s, int64_t outHeight, int64_t outWidth) {
  const int64_t fold = s.strideHeight, taps = foldedTaps(s.kernelHeight, fold), points = taps == 3 ? 16 : 49;
  if (s.kernelHeight != s.kernelWidth || s.strideWidth != fold || (taps != 3 && taps != 5) || fold > kMostFold) return false;
  const int64_t high = ceilDiv(outHeight, 2), wide = ceilDiv(outWidth, 2), channels = s.groupChannels() * fold * fold;
  // The least that is worked on at a time is one row of tiles.
  constexpr int64_t kMostFloats = int64_t{1} << 22;
  if (wide > kMostFloats / points / most(s.groups * channels, s.filters)) return false;
  const double products = static_cast<double>(channels) * static_cast<double>(s.groupFilters());
  const double additions = 14.0 * static_cast<double>(channels + s.groupFilters());
  const double tiles = static_cast<double>(s.batch) * static_cast<double>(high * wide);
  const double direct = static_cast<double>(s.batch) * static_cast<double>(s.kernelHeight * s.kernelWidth * outHeight * outWidth) *
                        static_cast<double>(s.groupChannels()) * static_cast<double>(s.groupFilters());
  return direct > static_cast<double>(points) * (tiles * (products + additions) + 8 * products);
}

// Along one dimension. The arguments lie in arrays; `V` is a vector.
template <int kTaps>
struct Winograd {
  static_assert(kTaps == 3 || kTaps == 5);
  static constexpr int kPoints = kTaps == 3 ? 4 : 7;
  static constexpr int kInputs = kTaps + 1;  // that a tile of two outputs sees
  static constexpr int kGradients = 4;       // different values of `outputGrad`; kGradientOf says which one a point has
  static constexpr int kGradientOf[7] = {0, 1, 2, 3, 0, 1, 3};

  static inline void input(const Vec* d, Vec* v) {
    v[0] = d[0] - d[2];
    v[1] = d[1] + d[2];
    v[2] = d[2] - d[1];
    v[3] = d[1] - d[3];
    if constexpr (kTaps == 5) {
      v[4] = d[3] - d[4];
      v[5] = d[4];
      v[6] = d[4] - d[5];
    }
  }
  static inline void weight(const Vec* g, Vec* u) {
    const Vec half = splat(0.5f), even = half * (g[0] + g[2]), odd = half * g[1];
    u[0] = g[0];
    u[1] = even + odd;
    u[2] = even - odd;
    u[3] = g[2];
    if constexpr (kTaps == 5) {
      u[4] = g[3];
      u[5] = g[3] + g[4];
      u[6] = g[4];
    }
  }
  static inline void output(const Vec* m, Vec* y) {
    y[0] = m[0] + m[1] + m[2];
    y[1] = m[1] - m[2] - m[3];
    if constexpr (kTaps == 5) {
      y[0] = y[0] + m[4] + m[5];
      y[1] = y[1] + m[5] - m[6];
    }
  }
  // The transposes of `output` and `weight`: from the gradient towards y that towards the products, from that towards u the one towards g.
  static inline void outputGrad(const Vec* y, Vec* m) {
    m[0] = y[0];
    m[1] = y[0] + y[1];
    m[2] = y[0] - y[1];
    m[3] = Vec{} - y[1];
  }
  static inline void weightGrad(const Vec* u, Vec* g) {
    const Vec half = splat(0.5f), sum = half * (u[1] + u[2]);
    g[0] = u[0] + sum;
    g[1] = half * (u[1] - u[2]);
    g[2] = sum + u[3];
    if constexpr (kTaps == 5) {
      g[3] = u[4] + u[5];
      g[4] = u[5] + u[6];
    }
  }
};

// In two dimensions: to[p][q] = Σ_i Σ_j T[p][i] · from[i][j] · T[q][j], with `line` the transformation T of kFrom values to kTo.
// read(i, j) gives from[i][j], write(p, q, v) takes to[p][q].
template <int kFrom, int kTo, class Line, class Read, class Write>
static inline void transformSquare(const Line& line, const Read& read, const Write& write) {
  Vec half[kFrom][kTo];
#pragma GCC unroll 8
  for (int i = 0; i < kFrom; ++i) {
    Vec row[kFrom];
#pragma GCC unroll 8
    for (int j = 0; j < kFrom; ++j) row[j] = read(i, j);
    line(row, half[i]);
  }
#pragma GCC unroll 8
  for (int q = 0; q < kTo; ++q) {
    Vec column[kFrom], out[kTo];
#pragma GCC unroll 8
    for (int i = 0; i < kFrom; ++i) column[i] = half[i][q];
    line(column, out);
#pragma GCC unroll 8
    for (int p = 0; p < kTo; ++p) write(p, q, out[p]);
  }
}

static inline int64_t aligned(int64_t floats) { return ceilDiv(floats, 64) * 64; }  // in scratch memory

// Bytes of the next panel that a tile fetches at each step along k: it is there some eight tiles later.
constexpr int64_t kPanelAhead = 8;

// Where the taps of a folded channel are in the kernel of a channel as it is.
template <int kTaps>
struct FoldedTaps {
  FoldedTaps(int64_t kernel, int64_t fold, int64_t folded)
      : kernel(kernel), fold(fold), channel(folded / (fold * fold)), a(folded / fold % fold), b(folded % fold) {}
  // −1 where there is none.
  int64_t at(int64_t tap) const {
    const int64_t row = tap / kTaps * fold + a, column = tap % kTaps * fold + b;
    return row < kernel && column < kernel ? row * kernel + column : -1;
  }
  int64_t kernel, fold, channel, a, b;
};

// What is cut into tiles of 2×2: `images` images of `maps` maps of height×width, one behind the other.
struct Tiled {
  int64_t images, maps, height, width;

  int64_t high() const { return ceilDiv(height, 2); }
  int64_t wide() const { return ceilDiv(width, 2); }
  int64_t rows() const { return images * high(); }  // rows of tiles, of all images
};

// Rows of tiles [begin, end) of all images, cut where an image ends: body(image, first row, rows, rows before it).
template <class Body>
static void forImages(const Tiled& t, int64_t begin, int64_t end, const Body& body) {
  for (int64_t row = begin; row < end;) {
    const int64_t i = row % t.high(), rows = least(t.high() - i, end - row);
    body(row / t.high(), i, rows, row - begin);
    row += rows;
  }
}

// A window of planes at `from`, `channels` (at most kLanes) of them, `plane` floats apart, channels to lanes: rows×columns vectors, from
// row y and column x of the planes on, zero outside of them.
static void copyChannelsLast(float* to, const float* from, int64_t plane, int64_t channels, int64_t height, int64_t width, int64_t y,
                             int64_t x, int64_t rows, int64_t columns) {
  const int64_t begin = least(columns, x < 0 ? -x : 0), end = most(begin, least(columns, width - x));
  auto zero = [](float* p, int64_t vectors) {
    for (int64_t i = 0; i < vectors; ++i) store(p + i * kLanes, Vec{});
  };
  for (int64_t i = 0; i < rows; ++i, to += columns * kLanes) {
    if (y + i < 0 || y + i >= height || channels < kLanes) zero(to, columns);
    if (y + i < 0 || y + i >= height) continue;
    zero(to, begin);
    copyTransposed(to + begin * kLanes, kLanes, from + (y + i) * width + x + begin, plane, channels, end - begin);
    zero(to + end * kLanes, columns - end);
  }
}

// The same of an image folded by `fold`: some of its channels from `channel` on, from row y and column x of the image as it is.
static void copyFolded(float* to, const float* image, int64_t fold, int64_t channel, int64_t channels, int64_t height, int64_t width,
                       int64_t y, int64_t x, int64_t rows, int64_t columns) {
  // Columns whose pixels are all in the image.
  const int64_t begin = least(columns, x < 0 ? ceilDiv(-x, fold) : 0);
  const int64_t end = most(begin, least(columns, width - x < 0 ? 0 : (width - x) / fold));
  for (int64_t i = 0; i < rows; ++i, to += columns * kLanes) {
    const bool inside = y + fold * i >= 0 && y + fold * (i + 1) <= height && channels == kLanes;
    for (int64_t j = inside ? begin : columns; j > 0;) store(to + --j * kLanes, Vec{});
    for (int64_t j = inside ? end : columns; j < columns; ++j) store(to + j * kLanes, Vec{});
    for (int64_t lane = 0, run; lane < channels; lane += run) {
      // Neighbouring lanes whose pixels are neighbours.
      const int64_t place = (channel + lane) % (fold * fold), first = place % fold, row = y + fold * i + place / fold;
      run = least(fold - first, channels - lane);
      if (row < 0 || row >= height) continue;
      const float* from = image + ((channel + lane) / (fold * fold) * height + row) * width + x + first;
      float* own = to + lane;
      if (run == 4)
        for (int64_t j = begin; j < end; ++j) __builtin_memcpy(own + j * kLanes, from + fold * j, 4 * sizeof(float));
      else
        for (int64_t j = begin; j < end; ++j)
          for (int64_t b = 0; b < run; ++b) own[j * kLanes + b] = from[fold * j + b];
      const auto edge = [&](int64_t j) {
        for (int64_t b = 0; b < run; ++b) {
          const int64_t column = x + fold * j + first + b;
          if (column >= 0 && column < width) own[j * kLanes + b] = from[fold * j + b];
        }
      };
      for (int64_t j = 0; j < begin; ++j) edge(j);
      for (int64_t j = end; j < columns; ++j) edge(j);
    }
  }
}

// The transformed inputs of `tiles` tiles, in groups of `vectors` times kLanes channels each, for every point. Groups lie apart, so that
// what the processor fetches ahead for one thread is not what another is writing. In a group tiles are in bands of `band`, and in a band
// the vectors lie one behind the other, each with one for every tile of the band: as the matrix product goes through them.
struct PointsOfTiles {
  float* data;
  int64_t tiles, groups, vectors, band;

  int64_t group() const { return ceilDiv(tiles, band) * band * vectors * kLanes; }
  // From one point to the next: an odd number of cache lines, so that what is written together is not on the same places of a cache.
  int64_t point() const { return (ceilDiv(groups * group(), 16) | 1) * 16; }
  // Of point 0; `vector` counts through the groups, of which there may be room for one alone.
  float* at(int64_t tile, int64_t vector) const {
    return data + vector / vectors % groups * group() + ((tile / band * vectors + vector % vectors) * band + tile % band) * kLanes;
  }
};

// The images of a convolution, whose windows are to be transformed.
template <int kTaps>
struct TiledInputs {
  using W = Winograd<kTaps>;
  const float* x;
  int64_t groups, channels, height, width;  // channels of one group
  int64_t paddingHeight, paddingWidth;
  Tiled tiles;   // of the outputs
  int64_t fold;  // 1: the images as they are

  int64_t foldedChannels() const { return channels * fold * fold; }
  int64_t vectors() const { return ceilDiv(foldedChannels(), kLanes); }  // of one group
  int64_t columns() const { return 2 * tiles.wide() + W::kInputs - 2; }
  // Of scratch memory, for so many rows of tiles at a time.
  int64_t floats(int64_t rows) const { return (2 * least(rows, tiles.high()) + W::kInputs - 2) * columns() * kLanes; }

  // Of one vector of channels of one image: rows of tiles [begin, end) of all images, to tile `tile` and on of `to`.
  void transform(int64_t image, int64_t begin, int64_t end, int64_t vector, float* scratch, const PointsOfTiles& to, int64_t tile) const {
    const int64_t group = vector / vectors(), channel = vector % vectors() * kLanes, lanes = least(kLanes, foldedChannels() - channel);
    const int64_t y = 2 * fold * (begin - image * tiles.high()) - paddingHeight, rows = 2 * (end - begin) + W::kInputs - 2;
    const float* planes = x + (image * groups + group) * channels * height * width;
    if (fold == 1)
      copyChannelsLast(scratch, planes + channel * height * width, height * width, lanes, height, width, y, -paddingWidth, rows, columns());
    else
      copyFolded(scratch, planes, fold, channel, lanes, height, width, y, -paddingWidth, rows, columns());
    const int64_t point = to.point(), line = columns() * kLanes;
    int64_t slot = tile % to.band;
    float* target = to.at(tile, vector);
    for (int64_t i = 0; i < end - begin; ++i)
      for (int64_t j = 0; j < tiles.wide(); ++j) {
        const float* window = scratch + 2 * i * line + 2 * j * kLanes;
        transformSquare<W::kInputs, W::kPoints>([](const Vec* d, Vec* v) { W::input(d, v); },
                                                [&](int r, int s) { return load(window + r * line + s * kLanes); },
                                                [&](int p, int q, Vec v) { store(target + (p * W::kPoints + q) * point, v); });
        target += kLanes;
        if (++slot == to.band) {  // on to the vector's place in the next band
          slot = 0;
          target += (to.vectors - 1) * to.band * kLanes;
        }
      }
  }
};

}  // namespace convtape::cpu::CONVTAPE_ISA
