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
        in_{x, s_.groups, s_.groupChannels(), s_.height, s_.width, s_.paddingHeight, s_.paddingWidth, t_, s_.strideHeight},
        channels_(in_.foldedChannels()),
        filters_(s_.groupFilters()),
        channelVectors_(in_.vectors()),
        filterVectors_(ceilDiv(filters_, kLanes)) {
    // A power of 2, so that as many threads have as much to do. Each part costs as much again to write and to add up as some tiles.
    const int64_t room = kSums / (s_.groups * groupSums()), useful = t_.rows() * t_.wide() / kPartTiles;
    while (2 * parts_ <= least(kParts, least(room, useful))) parts_ *= 2;
    parts_ = least(parts_, t_.rows());
    const int64_t floats = (kPoints * channelVectors_ + kGradients * filterVectors_) * kLanes;
    blockRows_ = least(ceilDiv(t_.rows(), parts_), most(1, kTransformed / (floats * t_.wide())));
  }

  // The sum over all tiles is cut into parts, as many as the sizes say. One task takes a part of a group from its images to its products, a
  // block of tiles at a time: nothing that it makes goes through another thread's caches.
  void run(Context& context) {
    const int workers = Pool::instance().workers();
    const int64_t tiles = blockRows_ * t_.wide(), offsets = aligned(tiles), sums = aligned(parts_ * s_.groups * groupSums());
    const PointsOfTiles points = {nullptr, tiles, 1, channelVectors_, tiles | 1};
    const int64_t inputs = aligned(kPoints * points.point()), gradients = aligned(kGradients * tiles * filterVectors_ * kLanes);
    const int64_t own = aligned(most(in_.floats(blockRows_), kLanes * kTaps * kTaps * kLanes)), worker = own + inputs + gradients;
    float* memory = static_cast<float*>(context.scratch(static_cast<size_t>(sums + offsets + workers * worker) * sizeof(float)));
    sums_ = memory;
    offsets_ = reinterpret_cast<int32_t*>(memory + sums);
    float* slices = memory + sums + offsets;
    for (int64_t i = 0; i < tiles; ++i) offsets_[i] = static_cast<int32_t>(i * kLanes);

    auto add = [&](int64_t index, int w) {
      Block block = {index / parts_, index % parts_, 0, 0, slices + w * worker, points, slices + w * worker + own + inputs};
      block.inputs.data = slices + w * worker + own;
      addPart(block);
    };
    parallelForWorkers(s_.groups * parts_, workers, add);
    auto finish = [&](int64_t index, int w) {
      const int64_t perGroup = channelVectors_ * filterVectors_;
      transformSums(index / perGroup, index / filterVectors_ % channelVectors_, index % filterVectors_, slices + w * worker);
    };
    parallelForWorkers(s_.groups * channelVectors_ * filterVectors_, workers, finish);
  }

 private:
  static constexpr int64_t kTransformed = int64_t{1} << 20;  // floats of transformed inputs and gradients at a time
  static constexpr int64_t kParts = 8, kPartTiles = 1536;    // parts at most, tiles of one at least
  static constexpr int64_t kSums = int64_t{1} << 24;         // floats of the sums of all parts

  // Rows of tiles [begin, end) of all images, for a part of a group's sums, and a worker's memory.
  struct Block {
    int64_t group, part, begin, end;
    float* scratch;
    PointsOfTiles inputs;
    float* gradients;
  };

  int64_t panels() const { return ceilDiv(filterVectors_, kTileVectors); }
  int64_t groupSums() const { return kPoints * channels_ * filterVectors_ * kLanes; }
  PackedB gradientsOf(const Block& b, int64_t gradient) const {
    const int64_t tiles = (b.end - b.begin) * t_.wide();
    return {b.gradients + gradient * tiles * filterVectors_ * kLanes, tiles, filterVectors_};
  }
  float* sumsOf(int64_t part, int64_t group, int64_t point, int64_t channel) const {
    return sums_ + (part * s_.groups + group) * groupSums() + (point * channels_ + channel) * filterVectors_ * kLanes;
  }

  void addPart(Block& b) const {
    const int64_t first = partBegin(t_.rows(), parts_, b.part), last = partBegin(t_.rows(), parts_, b.part + 1);
    const int64_t blocks = ceilDiv(last - first, blockRows_);
    for (int64_t i = 0; i < blocks; ++i) {
      b.begin = first + partBegin(last - first, blocks, i);
      b.end = first + partBegin(last - first, blocks, i + 1);
      forImages(t_, b.begin, b.end, [&](int64_t image, int64_t top, int64_t rows, int64_t before) {
        const int64_t from = image * t_.high() + top;
        for (int64_t v = 0; v < channelVectors_; ++v)
          in_.transform(image, from, from + rows, b.group * channelVectors_ + v, b.scratch, b.inputs, before * t_.wide());
        for (int64_t v = 0; v < filterVectors_; ++v) transformGradients(b, image, from, from + rows, v);
      });
      for (int64_t point = 0; point < kPoints; ++point) product(b, point, i > 0);
    }
  }

  // Of the gradient towards one image's outputs and one vector of filters: rows of tiles [begin, end) of all images. Its window is smaller
  // than that of the inputs, and so is the memory it takes.
  void transformGradients(const Block& block, int64_t image, int64_t begin, int64_t end, int64_t v) const {
    const int64_t plane = t_.height * t_.width, across = 2 * t_.wide();
    copyChannelsLast(block.scratch, dy_ + (image * s_.filters + block.group * filters_ + v * kLanes) * plane, plane,
                     least(kLanes, filters_ - v * kLanes), t_.height, t_.width, 2 * (begin - image * t_.high()), 0, 2 * (end - begin),
                     across);
    const PackedB b = gradientsOf(block, 0);
    const int64_t panel = b.panelOf(v), row = (b.panelBegin(panel + 1) - b.panelBegin(panel)) * kLanes;
    float* to = b.panel(panel) + (begin - block.begin) * t_.wide() * row + (v - b.panelBegin(panel)) * kLanes;
    const int64_t step = gradientsOf(block, 1).data - b.data;
    for (int64_t i = 0; i < end - begin; ++i)
      for (int64_t j = 0; j < t_.wide(); ++j, to += row) {
        const float* from = block.scratch + (2 * i * across + 2 * j) * kLanes;
        transformSquare<2, W::kGradients>([](const Vec* y, Vec* m) { W::outputGrad(y, m); },
                                          [&](int r, int s) { return load(from + (r * across + s) * kLanes); },
                                          [&](int p, int q, Vec m) { store(to + (p * W::kGradients + q) * step, m); });
      }
  }

  // sums[channel, filter] (+)= Σ_tile inputs[tile, channel] · gradients[tile, filter] for one point.
  void product(const Block& block, int64_t point, bool add) const {
    const int64_t gradient = W::kGradientOf[point / W::kPoints] * W::kGradients + W::kGradientOf[point % W::kPoints];
    const int64_t tiles = (block.end - block.begin) * t_.wide(), ldc = filterVectors_ * kLanes;
    auto row = [&](int64_t channel) { return block.inputs.at(0, channel / kLanes) + point * block.inputs.point() + channel % kLanes; };
    forPanels(gradientsOf(block, gradient), 0, panels(), [&](int64_t v, int64_t vectors, const float* panel, int64_t width) {
      const char* next = reinterpret_cast<const char*>(panel + width * tiles);
      const int64_t bands = ceilDiv(channels_, kTileRows);
      for (int64_t band = 0; band < bands; ++band) {
        const int64_t i = partBegin(channels_, bands, band), end = partBegin(channels_, bands, band + 1);
        const float* pointers[kTileRows];
        for (int64_t j = i; j < end; ++j) pointers[j - i] = row(j);
        // The first panel brings the inputs near, each of the others the panel after it.
        Ahead ahead = {next + band * tiles * kPanelAhead, kPanelAhead};
        if (v == 0)
          ahead = {reinterpret_cast<const char*>(row(least(end, channels_ - 1) / kLanes * kLanes)), kLanes * int64_t{sizeof(float)}};
        tileOf<Ahead>(end - i, vectors)(pointers, offsets_, tiles, panel, sumsOf(block.part, block.group, point, i) + v * kLanes, ldc, add,
                                        ahead);
      }
    });
  }

  // Of all parts, in order.
  Vec sum(int64_t group, int64_t point, int64_t channel, int64_t filter) const {
    Vec total = load(sumsOf(0, group, point, channel) + filter);
    for (int64_t part = 1; part < parts_; ++part) total += load(sumsOf(part, group, point, channel) + filter);
    return total;
  }

  // dweight of kLanes channels and kLanes filters.
  void transformSums(int64_t group, int64_t c, int64_t v, float* own) const {
    constexpr int kTaps2 = kTaps * kTaps;
    const int64_t channel = c * kLanes, count = least(kLanes, channels_ - channel), filter = v * kLanes;
    for (int64_t k = 0; k < count; ++k)
      transformSquare<W::kPoints, kTaps>([](const Vec* u, Vec* g) { W::weightGrad(u, g); },
                                         [&](int p, int q) { return sum(group, p * W::kPoints + q, channel + k, filter); },
                                         [&](int r, int s, Vec g) { store(own + (k * kTaps2 + r * kTaps + s) * kLanes, g); });
    const int64_t lanes = least(kLanes, filters_ - filter);
    if (in_.fold == 1)
      copyTransposed(dweight_ + ((group * filters_ + filter) * channels_ + channel) * kTaps2, channels_ * kTaps2, own, kLanes,
                     count * kTaps2, lanes);
    else
      for (int64_t k = 0; k < count; ++k) unfoldTaps(own + k * kTaps2 * kLanes, group * filters_ + filter, lanes, channel + k);
  }

  // The gradient towards the taps of one folded channel for some filters, which are its lanes.
  void unfoldTaps(const float* taps, int64_t filter, int64_t filters, int64_t folded) const {
    const FoldedTaps<kTaps> of(s_.kernelHeight, in_.fold, folded);
    const int64_t kernel = s_.kernelHeight * s_.kernelWidth;
    for (int tap = 0; tap < kTaps * kTaps; ++tap)
      for (int64_t lane = 0; lane < filters && of.at(tap) >= 0; ++lane)
        dweight_[((filter + lane) * in_.channels + of.channel) * kernel + of.at(tap)] = taps[tap * kLanes + lane];
  }

  ConvSizes s_;
  const float* dy_;
  float* dweight_;
  Tiled t_;
  TiledInputs<kTaps> in_;
  int64_t channels_, filters_, channelVectors_, filterVectors_;  // of a group
  int64_t parts_ = 2, blockRows_;
  float* sums_ = nullptr;
  int32_t* offsets_ = nullptr;
};

}  // namespace convtape::cpu::CONVTAPE_ISA
