// The gradient of a convolution towards its weight by the scheme in winograd.h, transposed: tiles of the gradient towards the output are
// transformed as well as tiles of the input; for each point their product, summed over all tiles, is the gradient towards the
// transformed weight; and that is transformed back, once.
#pragma once

#include "cpu/winograd.h"

namespace convtape::cpu::CONVTAPE_ISA {

template <int kTaps>
class WinogradGradWeight {
  using W = Winograd<kTaps>;
  static constexpr int kPoints = W::kPoints * W::kPoints;
  static constexpr int kGradients = W::kGradients * W::kGradients;

 public:
  WinogradGradWeight(const ConvSizes& sizes, const float* dy, const float* x, float* dweight)
      : s_(sizes),
        dy_(dy),
        dweight_(dweight),
        t_{s_.batch, s_.filters, s_.outHeight(), s_.outWidth()},
        in_{x, s_.groups, s_.groupChannels(), s_.height, s_.width, s_.paddingHeight, s_.paddingWidth, t_},
        channels_(s_.groupChannels()),
        filters_(s_.groupFilters()),
        channelVectors_(in_.vectors()),
        filterVectors_(ceilDiv(filters_, kLanes)) {
    const int64_t floats = s_.groups * (kPoints * channelVectors_ + kGradients * filterVectors_) * kLanes;
    blockRows_ = least(t_.rows(), most(1, kTransformed / (floats * t_.wide())));
    const int64_t tiles = blockRows_ * t_.wide();
    tiles_ = {nullptr, tiles, s_.groups * channelVectors_, tiles | 1};
    blockPanels_ = ceilDiv(filterVectors_, kTileVectors);
    while (blockPanels_ > 1 && s_.groups * kPoints * ceilDiv(panels(), blockPanels_) < 4 * kTasks) --blockPanels_;
  }

  void run(Context& context) {
    const int workers = Pool::instance().workers();
    const int64_t tiles = blockRows_ * t_.wide(), ldc = filterVectors_ * kLanes;
    const int64_t inputs = aligned(kPoints * tiles_.point()), gradients = aligned(s_.groups * kGradients * tiles * ldc);
    const int64_t sums = aligned(s_.groups * kPoints * channels_ * ldc), offsets = aligned(tiles);
    const int64_t own = aligned(most(in_.floats(blockRows_), kLanes * kTaps * kTaps * kLanes));
    float* memory =
        static_cast<float*>(context.scratch(static_cast<size_t>(inputs + gradients + sums + offsets + workers * own) * sizeof(float)));
    tiles_.data = memory;
    gradients_ = memory + inputs;
    sums_ = gradients_ + gradients;
    offsets_ = reinterpret_cast<int32_t*>(sums_ + sums);
    float* slices = sums_ + sums + offsets;
    for (int64_t i = 0; i < tiles; ++i) offsets_[i] = static_cast<int32_t>(i * kLanes);

    for (int64_t begin = 0; begin < t_.rows(); begin += blockRows_) {
      const int64_t end = least(t_.rows(), begin + blockRows_), first = begin / t_.high(), images = ceilDiv(end, t_.high()) - first;
      const int64_t vectors = s_.groups * (channelVectors_ + filterVectors_);
      auto transform = [&](int64_t index, int worker) {
        const int64_t image = first + index / vectors, vector = index % vectors;
        const int64_t from = most(begin, image * t_.high()), to = least(end, (image + 1) * t_.high());
        if (vector < s_.groups * channelVectors_)
          in_.transform(image, from, to, vector, slices + worker * own, tiles_, (from - begin) * t_.wide());
        else
          transformGradients(image, from, to, begin, end, vector - s_.groups * channelVectors_, slices + worker * own);
      };
      parallelForWorkers(images * vectors, workers, transform);
      const int64_t columnBlocks = ceilDiv(panels(), blockPanels_);
      auto multiply = [&](int64_t index, int) {
        product(index / kPoints / columnBlocks, index / columnBlocks % kPoints, index % columnBlocks, (end - begin) * t_.wide(), begin > 0);
      };
      parallelForWorkers(s_.groups * kPoints * columnBlocks, workers, multiply);
    }
    auto finish = [&](int64_t index, int worker) {
      const int64_t perGroup = channelVectors_ * filterVectors_;
      transformSums(index / perGroup, index / filterVectors_ % channelVectors_, index % filterVectors_, slices + worker * own);
    };
    parallelForWorkers(s_.groups * channelVectors_ * filterVectors_, workers, finish);
  }

 private:
  static constexpr int64_t kTransformed = int64_t{1} << 21;  // floats of transformed inputs and gradients at a time

  int64_t panels() const { return ceilDiv(filterVectors_, kTileVectors); }
  PackedB gradientsOf(int64_t group, int64_t gradient, int64_t tiles) const {
    return {gradients_ + (group * kGradients + gradient) * tiles * filterVectors_ * kLanes, tiles, filterVectors_};
  }
  float* sumsOf(int64_t group, int64_t point, int64_t channel) const {
    return sums_ + ((group * kPoints + point) * channels_ + channel) * filterVectors_ * kLanes;
  }

  // Of the gradient towards one image's outputs and one vector of filters: rows of tiles [begin, end) of all images, in the block that
  // starts with row `origin`. Its window is smaller than that of the inputs, and so is the memory it takes.
  void transformGradients(int64_t image, int64_t begin, int64_t end, int64_t origin, int64_t blockEnd, int64_t vector, float* own) const {
    const int64_t group = vector / filterVectors_, v = vector % filterVectors_, plane = t_.height * t_.width, across = 2 * t_.wide();
    const int64_t tiles = (blockEnd - origin) * t_.wide();
    copyChannelsLast(own, dy_ + (image * s_.filters + group * filters_ + v * kLanes) * plane, plane, least(kLanes, filters_ - v * kLanes),
                     t_.height, t_.width, 2 * (begin - image * t_.high()), 0, 2 * (end - begin), across);
    const PackedB b = gradientsOf(group, 0, tiles);
    const int64_t panel = b.panelOf(v), row = (b.panelBegin(panel + 1) - b.panelBegin(panel)) * kLanes;
    float* to = b.panel(panel) + (begin - origin) * t_.wide() * row + (v - b.panelBegin(panel)) * kLanes;
    const int64_t step = gradientsOf(group, 1, tiles).data - b.data;
    for (int64_t i = 0; i < end - begin; ++i)
      for (int64_t j = 0; j < t_.wide(); ++j, to += row) {
        const float* from = own + (2 * i * across + 2 * j) * kLanes;
        transformSquare<2, W::kGradients>([](const Vec* y, Vec* m) { W::outputGrad(y, m); },
                                          [&](int r, int s) { return load(from + (r * across + s) * kLanes); },
                                          [&](int p, int q, Vec m) { store(to + (p * W::kGradients + q) * step, m); });
      }
  }

  // sums[channel, filter] (+)= Σ_tile inputs[tile, channel] · gradients[tile, filter] for one point and some panels of filters.
  void product(int64_t group, int64_t point, int64_t columnBlock, int64_t tiles, bool add) const {
    const int64_t gradient = W::kGradientOf[point / W::kPoints] * W::kGradients + W::kGradientOf[point % W::kPoints];
    const int64_t from = columnBlock * blockPanels_, to = least(panels(), from + blockPanels_), ldc = filterVectors_ * kLanes;
    auto row = [&](int64_t channel) {
      return tiles_.at(0, group * channelVectors_ + channel / kLanes) + point * tiles_.point() + channel % kLanes;
    };
    forPanels(gradientsOf(group, gradient, tiles), from, to, [&](int64_t v, int64_t vectors, const float* panel, int64_t width) {
      const char* next = reinterpret_cast<const char*>(panel + width * tiles);
      const int64_t bands = ceilDiv(channels_, kTileRows);
      for (int64_t band = 0; band < bands; ++band) {
        const int64_t i = partBegin(channels_, bands, band), end = partBegin(channels_, bands, band + 1);
        const float* pointers[kTileRows];
        for (int64_t j = i; j < end; ++j) pointers[j - i] = row(j);
        // The first panel brings the inputs near, each of the others the panel after it.
        Ahead ahead = {next + band * tiles * kPanelAhead, kPanelAhead};
        if (v == gradientsOf(group, gradient, tiles).panelBegin(from))
          ahead = {reinterpret_cast<const char*>(row(least(end, channels_ - 1) / kLanes * kLanes)), kLanes * int64_t{sizeof(float)}};
        tileOf<Ahead>(end - i, vectors)(pointers, offsets_, tiles, panel, sumsOf(group, point, i) + v * kLanes, ldc, add, ahead);
      }
    });
  }

  // dweight of kLanes channels and kLanes filters.
  void transformSums(int64_t group, int64_t c, int64_t v, float* own) const {
    constexpr int kTaps2 = kTaps * kTaps;
    const int64_t channel = c * kLanes, count = least(kLanes, channels_ - channel), filter = v * kLanes;
    for (int64_t k = 0; k < count; ++k)
      transformSquare<W::kPoints, kTaps>([](const Vec* u, Vec* g) { W::weightGrad(u, g); },
                                         [&](int p, int q) { return load(sumsOf(group, p * W::kPoints + q, channel + k) + filter); },
                                         [&](int r, int s, Vec g) { store(own + (k * kTaps2 + r * kTaps + s) * kLanes, g); });
    copyTransposed(dweight_ + ((group * filters_ + filter) * channels_ + channel) * kTaps2, channels_ * kTaps2, own, kLanes, count * kTaps2,
                   least(kLanes, filters_ - filter));
  }

  ConvSizes s_;
  const float* dy_;
  float* dweight_;
  Tiled t_;
  TiledInputs<kTaps> in_;
  int64_t channels_, filters_, channelVectors_, filterVectors_;
  int64_t blockRows_, blockPanels_;
  PointsOfTiles tiles_{};
  float *gradients_ = nullptr, *sums_ = nullptr;
  int32_t* offsets_ = nullptr;
};

}  // namespace convtape::cpu::CONVTAPE_ISA
