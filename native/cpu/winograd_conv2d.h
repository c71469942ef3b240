// Convolution, and its gradient towards the input, by the scheme in winograd.h.
#pragma once

#include "cpu/winograd.h"

namespace convtape::cpu::CONVTAPE_ISA {

// y[n, map] = Σ_channel x[n, channel] ∗ weight, in groups, with a square kernel.
struct WinogradConv {
  int64_t groups, batch, channels, maps;  // channels and maps of one group
  int64_t kernel, fold;                   // fold: the stride, both ways
  int64_t height, width, outHeight, outWidth, paddingHeight, paddingWidth;
  const float* x;
  const float* weight;      // groups of maps×channels×taps
  bool transposed = false;  // groups of channels×maps×taps, the taps in reverse order: for the gradient
  const float* bias = nullptr;
  bool relu = false;
  float* y;

  Tiled tiled() const { return {batch, groups * maps, outHeight, outWidth}; }
};

// How it is cut, by sizes alone: for blocks of inputs that all workers transform and multiply together, or for those of one worker.
struct WinogradPlan {
  static constexpr int64_t kTransformed = 1 << 20;  // floats of transformed inputs in a block
  static constexpr int64_t kApart = 1 << 18;        // in a worker's own, of one group: a second-level cache holds them
  static constexpr int64_t kFewest = 64;            // tiles of a worker's block, where there are as many
  static constexpr int64_t kProducts = 80 << 10;    // of one task's products of a row of points, and of its outputs
  static constexpr int64_t kDepth = 384;            // channels at a time: a panel of weights and a tile's inputs stay in L1

  int64_t vectors, panels, blockPanels;  // of maps; panels of one task
  int64_t blockRows, taskRows;           // rows of tiles in a block, and in one task

  WinogradPlan(const WinogradConv& c, int64_t inputVectors, int64_t linePoints, bool apart)
      : vectors(ceilDiv(c.maps, kLanes)), panels(ceilDiv(vectors, kTileVectors)) {
    const Tiled t = c.tiled();
    blockPanels = least(panels, 4);
    // As many rows as there is room for (a tile has 4 outputs), where they fill tiles of the product best.
    const int64_t mostTiles = kProducts / ((linePoints + 4) * blockPanels * kTileVectors * kLanes);
    taskRows = 1;
    for (int64_t n = 1; n <= least(t.rows(), mostTiles / t.wide()); ++n)
      if (waste(n * t.wide()) <= waste(taskRows * t.wide())) taskRows = n;
    const int64_t perTile = linePoints * linePoints * (apart ? 1 : c.groups) * inputVectors * kLanes;
    int64_t mostRows = most(1, (apart ? kApart : kTransformed) / (perTile * t.wide()));
    if (apart) mostRows = least(mostRows, most(ceilDiv(kFewest, t.wide()), ceilDiv(t.rows(), kTasks)));
    blockRows = least(t.rows(), mostRows > taskRows ? mostRows / taskRows * taskRows : mostRows);
    taskRows = least(taskRows, blockRows);
    while (!apart && blockPanels > 1 && c.groups * ceilDiv(blockRows, taskRows) * ceilDiv(panels, blockPanels) < kTasks) --blockPanels;
  }
  // Of 1000, rows of tiles of the product that hold nothing.
  static int64_t waste(int64_t tiles) {
    const int64_t rows = ceilDiv(tiles, kTileRows) * kTileRows;
    return 1000 * (rows - tiles) / rows;
  }
};

template <int kTaps>
class WinogradConvolver {
  using W = Winograd<kTaps>;
  static constexpr int kPoints = W::kPoints * W::kPoints;

 public:
  explicit WinogradConvolver(const WinogradConv& conv)
      : c_(conv),
        t_(conv.tiled()),
        in_{c_.x, c_.groups, c_.channels, c_.height, c_.width, c_.paddingHeight, c_.paddingWidth, t_, c_.fold},
        channels_(in_.foldedChannels()),
        plan_(conv, in_.vectors(), W::kPoints, true),
        apart_(ceilDiv(t_.rows(), plan_.blockRows) >= 4 * Pool::instance().numThreads()) {
    if (!apart_) plan_ = WinogradPlan(conv, in_.vectors(), W::kPoints, false);
    tiles_ = {nullptr, plan_.blockRows * t_.wide(), apart_ ? 1 : c_.groups, in_.vectors(), kTileRows};
    taskTiles_ = plan_.taskRows * t_.wide();
    ldm_ = plan_.blockPanels * kTileVectors * kLanes;
    point_ = taskTiles_ * ldm_ + 16;
  }

  void run(Context& context) {
    const int workers = Pool::instance().workers();
    if (apart_) return runApart(context, workers);
    workAlone(Pool::instance().numThreads()) ? runAlone(context, workers) : runTogether(context, workers);
  }

 private:
  // What two cores write and read by turns has to go from one's caches to the other's, which takes longer than to make it twice. So with
  // many tiles (apart_) each worker transforms the inputs that it multiplies into memory of its own; with few, as one image has them, it
  // makes one group's inputs and one panel's weights at a time for itself, where there are maps enough to make it worth while, and tasks
  // enough for all; and in between all share. The same numbers in each.
  bool workAlone(int threads) const {
    return plan_.blockRows >= t_.rows() && threads * 4 * kLanes <= c_.maps && c_.groups * plan_.panels >= 3 * threads;
  }

  void runAlone(Context& context, int workers) {
    const int64_t weights = aligned(pointOf(kTileVectors) * kPoints), offsets = aligned(channels_), note = aligned(1);
    tiles_.groups = 1;
    const int64_t inputs = aligned(kPoints * tiles_.point()), own = note + weights + inputs + ownFloats();
    float* memory = static_cast<float*>(context.scratch(static_cast<size_t>(offsets + workers * own) * sizeof(float)));
    makeOffsets(memory);
    float* slices = memory + offsets;
    // At the start of each worker's own: the group whose inputs it has.
    const auto made = [&](int worker) -> int64_t& { return *reinterpret_cast<int64_t*>(slices + worker * own); };
    for (int worker = 0; worker < workers; ++worker) made(worker) = -1;
    auto task = [&](int64_t index, int worker) {
      const int64_t group = index / plan_.panels, panel = index % plan_.panels;
      float* mine = slices + worker * own + note;
      PointsOfTiles tiles = tiles_;
      tiles.data = mine + weights;
      float* rest = tiles.data + inputs;
      if (made(worker) != group) {
        made(worker) = group;
        transformInputs(group, 0, t_.rows(), tiles, rest);
      }
      const PackedB all = {nullptr, channels_, plan_.vectors};
      const int64_t first = all.panelBegin(panel);
      const PackedB b = {mine, channels_, all.panelBegin(panel + 1) - first};
      for (int64_t v = 0; v < b.vectors; ++v) transformWeights(group, first + v, 0, channels_, b, v);
      for (int64_t row = 0; row < t_.rows(); row += plan_.taskRows)
        product(group, tiles, 0, row, least(plan_.taskRows, t_.rows() - row), first, b, 0, 1, rest);
    };
    parallelForWorkers(c_.groups * plan_.panels, workers, task);
  }

  void runApart(Context& context, int workers) {
    const int64_t weights = aligned(c_.groups * pointOf(plan_.vectors) * kPoints), offsets = aligned(channels_);
    const int64_t inputs = aligned(kPoints * tiles_.point()), own = inputs + ownFloats();
    float* memory = static_cast<float*>(context.scratch(static_cast<size_t>(weights + offsets + workers * own) * sizeof(float)));
    makeOffsets(memory + weights);
    float* slices = memory + weights + offsets;
    makeWeights(memory, workers);
    auto task = [&](int64_t index, int worker) {
      PointsOfTiles tiles = tiles_;
      tiles.data = slices + worker * own;
      float* rest = tiles.data + inputs;
      const int64_t begin = index * plan_.blockRows, end = least(t_.rows(), begin + plan_.blockRows);
      for (int64_t group = 0; group < c_.groups; ++group) {
        transformInputs(group, begin, end, tiles, rest);
        const PackedB b = weightsOf(memory, group);
        for (int64_t row = 0; row < end - begin; row += plan_.taskRows)
          for (int64_t from = 0; from < plan_.panels; from += plan_.blockPanels)
            product(group, tiles, begin, row, least(plan_.taskRows, end - begin - row), b.panelBegin(from), b, from,
                    least(plan_.panels, from + plan_.blockPanels), rest);
      }
    };
    parallelForWorkers(ceilDiv(t_.rows(), plan_.blockRows), workers, task);
  }

  void runTogether(Context& context, int workers) {
    const int64_t weights = aligned(c_.groups * pointOf(plan_.vectors) * kPoints), offsets = aligned(channels_);
    const int64_t inputs = aligned(kPoints * tiles_.point()), own = ownFloats();
    float* memory = static_cast<float*>(context.scratch(static_cast<size_t>(weights + inputs + offsets + workers * own) * sizeof(float)));
    tiles_.data = memory + weights;
    makeOffsets(memory + weights + inputs);
    float* slices = memory + weights + inputs + offsets;
    makeWeights(memory, workers);
    for (int64_t begin = 0; begin < t_.rows(); begin += plan_.blockRows) {
      const int64_t end = least(t_.rows(), begin + plan_.blockRows), first = begin / t_.high(), images = ceilDiv(end, t_.high()) - first;
      const int64_t vectors = in_.vectors();  // of a group
      // Group by group, as the products go: with two threads each finds in its caches what it transformed.
      auto spread = [&](int64_t index, int worker) {
        const int64_t image = first + index / vectors % images, vector = index / vectors / images * vectors + index % vectors;
        const int64_t from = most(begin, image * t_.high()), to = least(end, (image + 1) * t_.high());
        in_.transform(image, from, to, vector, slices + worker * own, tiles_, (from - begin) * t_.wide());
      };
      parallelForWorkers(c_.groups * images * vectors, workers, spread);
      const int64_t rowBlocks = ceilDiv(end - begin, plan_.taskRows), columnBlocks = ceilDiv(plan_.panels, plan_.blockPanels);
      auto multiply = [&](int64_t index, int worker) {
        const int64_t row = index / columnBlocks % rowBlocks * plan_.taskRows, rows = least(plan_.taskRows, end - begin - row);
        const int64_t group = index / columnBlocks / rowBlocks, from = index % columnBlocks * plan_.blockPanels;
        const PackedB b = weightsOf(memory, group);
        product(group, tiles_, begin, row, rows, b.panelBegin(from), b, from, least(plan_.panels, from + plan_.blockPanels),
                slices + worker * own);
      };
      parallelForWorkers(c_.groups * rowBlocks * columnBlocks, workers, multiply);
    }
  }

  // A group's, of rows of tiles [begin, end) of all images.
  void transformInputs(int64_t group, int64_t begin, int64_t end, const PointsOfTiles& to, float* scratch) const {
    forImages(t_, begin, end, [&](int64_t image, int64_t top, int64_t rows, int64_t before) {
      const int64_t from = image * t_.high() + top;
      for (int64_t v = 0; v < in_.vectors(); ++v)
        in_.transform(image, from, from + rows, group * in_.vectors() + v, scratch, to, before * t_.wide());
    });
  }
  PackedB weightsOf(float* memory, int64_t group) const {
    return {memory + group * pointOf(plan_.vectors) * kPoints, channels_, plan_.vectors};
  }
  // Of all groups.
  void makeWeights(float* memory, int workers) const {
    constexpr int64_t kChannels = 32;  // whose weights one task transforms
    const int64_t pieces = ceilDiv(channels_, kChannels);
    auto weigh = [&](int64_t index, int) {
      const int64_t k = index % pieces * kChannels, v = index / pieces % plan_.vectors, group = index / pieces / plan_.vectors;
      transformWeights(group, v, k, least(kChannels, channels_ - k), weightsOf(memory, group), v);
    };
    parallelForWorkers(c_.groups * plan_.vectors * pieces, workers, weigh);
  }

  // Of a worker's scratch memory, for one task's products and outputs, or the images it transforms.
  int64_t ownFloats() const {
    return aligned(most(W::kPoints * point_ + 4 * taskTiles_ * ldm_ + 2 * taskTiles_, in_.floats(plan_.blockRows)));
  }
  void makeOffsets(float* memory) {
    offsets_ = reinterpret_cast<int32_t*>(memory);
    for (int64_t k = 0; k < channels_; ++k) offsets_[k] = static_cast<int32_t>(k / kLanes * kTileRows * kLanes + k % kLanes);
  }
  // Floats of so many vectors' weights at one point.
  int64_t pointOf(int64_t vectors) const { return channels_ * vectors * kLanes; }

  // Of one vector of maps and some channels, for every point: as vector `place` of b, which is point 0's, and of what follows it.
  void transformWeights(int64_t group, int64_t v, int64_t channel, int64_t channels, const PackedB& b, int64_t place) const {
    constexpr int kTaps2 = kTaps * kTaps;
    const int64_t maps = least(kLanes, c_.maps - v * kLanes);
    const int64_t panel = b.panelOf(place), first = b.panelBegin(panel), row = (b.panelBegin(panel + 1) - first) * kLanes;
    float* to = b.panel(panel) + (place - first) * kLanes;
    const int64_t point = pointOf(b.vectors);
    const int64_t mapStride = c_.transposed ? kTaps2 : channels_ * kTaps2, channelStride = c_.transposed ? c_.maps * kTaps2 : kTaps2;
    const float* from = c_.weight + group * c_.maps * channels_ * kTaps2 + v * kLanes * mapStride;
    alignas(64) float taps[kTaps2 * kLanes] = {};
    for (int64_t k = channel; k < channel + channels; ++k) {
      if (c_.fold == 1)
        copyTransposed(taps, kLanes, from + k * channelStride, mapStride, maps, kTaps2);
      else
        foldTaps(taps, group * c_.maps + v * kLanes, maps, k);
      transformSquare<kTaps, W::kPoints>([](const Vec* g, Vec* u) { W::weight(g, u); },
                                         [&](int r, int s) {
                                           const int tap = r * kTaps + s;
                                           return load(taps + (c_.transposed ? kTaps2 - 1 - tap : tap) * kLanes);
                                         },
                                         [&](int p, int q, Vec u) { store(to + k * row + (p * W::kPoints + q) * point, u); });
    }
  }

  // The taps of one folded channel for some maps, maps to lanes.
  void foldTaps(float* taps, int64_t map, int64_t maps, int64_t folded) const {
    const FoldedTaps<kTaps> of(c_.kernel, c_.fold, folded);
    const int64_t kernel = c_.kernel * c_.kernel;
    for (int tap = 0; tap < kTaps * kTaps; ++tap)
      for (int64_t lane = 0; lane < maps; ++lane)
        taps[tap * kLanes + lane] = of.at(tap) < 0 ? 0 : c_.weight[((map + lane) * c_.channels + of.channel) * kernel + of.at(tap)];
  }

  // Of some rows of tiles from `row` of the block on (of `inputs`, which begin at row `origin` of all) and panels [from, to) of b, the
  // first of which holds the maps of a group from vector firstVector on: for one row of points after the other, their products, and what
  // these add to the outputs.
  void product(int64_t group, const PointsOfTiles& inputs, int64_t origin, int64_t row, int64_t rows, int64_t firstVector, const PackedB& b,
               int64_t from, int64_t to, float* own) const {
    const int64_t first = row * t_.wide(), tiles = rows * t_.wide(), vectors = b.panelBegin(to) - b.panelBegin(from);
    float* outputs = own + W::kPoints * point_;  // maps to lanes; the upper row of all tiles, then the lower
    const int64_t line = 2 * taskTiles_ * ldm_;
    int64_t* place = reinterpret_cast<int64_t*>(outputs + 2 * line);
    for (int64_t i = 0; i < tiles; ++i) place[i] = inputs.at(first + i, group * in_.vectors()) - inputs.data;
    for (int p = 0; p < W::kPoints; ++p) {
      for (int q = 0; q < W::kPoints; ++q)
        multiply({b.data + (p * W::kPoints + q) * pointOf(b.vectors), b.depth, b.vectors},
                 inputs.data + (p * W::kPoints + q) * inputs.point(), place, tiles, from, to, own + q * point_);
      addOutputs(p, tiles, vectors, own, outputs, line);
    }
    const int64_t map = group * c_.maps + firstVector * kLanes, maps = least(vectors * kLanes, c_.maps - firstVector * kLanes);
    const int64_t plane = c_.outHeight * c_.outWidth;
    forImages(t_, origin + row, origin + row + rows, [&](int64_t image, int64_t top, int64_t count, int64_t before) {
      float* y = c_.y + (image * c_.groups * c_.maps + map) * plane;
      for (int64_t i = 0; i < 2 * count && 2 * top + i < c_.outHeight; ++i)
        copyActivated(y + (2 * top + i) * c_.outWidth, plane, outputs + i % 2 * line + (before + i / 2) * t_.wide() * 2 * ldm_, ldm_,
                      c_.outWidth, maps, c_.bias ? c_.bias + map : nullptr, c_.relu);
    });
  }

  // The products of one point: some tiles by the maps of panels [from, to).
  void multiply(const PackedB& b, const float* inputs, const int64_t* place, int64_t tiles, int64_t from, int64_t to,
                float* products) const {
    const int64_t firstVector = b.panelBegin(from), pieces = ceilDiv(channels_, plan_.kDepth);
    forPanels(b, from, to, [&](int64_t v, int64_t vectors, const float* panel, int64_t width) {
      const char* next = reinterpret_cast<const char*>(panel + width * channels_);  // the panel after this one
      for (int64_t i = 0; i < tiles; i += kTileRows) {
        const int64_t height = least(kTileRows, tiles - i);
        const float* pointers[kTileRows];
        for (int64_t j = 0; j < height; ++j) pointers[j] = inputs + place[i + j];
        for (int64_t piece = 0; piece < pieces; ++piece) {
          const int64_t k = partBegin(channels_, pieces, piece), depth = partBegin(channels_, pieces, piece + 1) - k;
          // The first panel brings the inputs near, each of the others the panel after it.
          Ahead ahead = {next, kPanelAhead};
          if (v == firstVector)
            ahead = {reinterpret_cast<const char*>(inputs + place[least(i + kTileRows, tiles - 1)] + k * kTileRows), kTileRows * 4};
          else
            next += depth * kPanelAhead;
          tileOf<Ahead>(height, vectors)(pointers, offsets_ + k, depth, panel + k * width, products + i * ldm_ + (v - firstVector) * kLanes,
                                         ldm_, piece > 0, ahead);
        }
      }
    });
  }

  // Adds to the outputs what the products of row p of the points come to.
  void addOutputs(int p, int64_t tiles, int64_t vectors, const float* products, float* outputs, int64_t line) const {
    Vec unit[W::kPoints] = {}, weight[2];
    unit[p] = splat(1);
    W::output(unit, weight);
    for (int64_t t = 0; t < tiles; ++t)
      for (int64_t v = 0; v < vectors; ++v) {
        Vec m[W::kPoints], y[2];
#pragma GCC unroll 8
        for (int q = 0; q < W::kPoints; ++q) m[q] = load(products + q * point_ + t * ldm_ + v * kLanes);
        W::output(m, y);
        for (int r = 0; r < 2; ++r) {
          if (weight[r][0] == 0) continue;
          float* to = outputs + r * line + 2 * t * ldm_ + v * kLanes;
          // Row p is the first that row r of the outputs hangs on.
          for (int s = 0; s < 2; ++s) store(to + s * ldm_, p == r ? y[s] : fma(weight[r], y[s], load(to + s * ldm_)));
        }
      }
  }

  WinogradConv c_;
  Tiled t_;
  TiledInputs<kTaps> in_;
  int64_t channels_;  // of a group, folded
  WinogradPlan plan_;
  bool apart_;
  PointsOfTiles tiles_{};
  int32_t* offsets_ = nullptr;
  int64_t taskTiles_, ldm_, point_;
};

static inline void winogradConvolve(Context& context, const WinogradConv& c) {
  if (foldedTaps(c.kernel, c.fold) == 3)
    WinogradConvolver<3>(c).run(context);
  else
    WinogradConvolver<5>(c).run(context);
}

}  // namespace convtape::cpu::CONVTAPE_ISA
