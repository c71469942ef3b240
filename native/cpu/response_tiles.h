// How response normalisation across channels is cut into tasks.
#pragma once

#include "cpu/kernels.h"

#ifdef CONVTAPE_ISA
namespace convtape::cpu::CONVTAPE_ISA {

// One task takes a tile of neighbouring pixels of one image through all channels of a group. The rows in the window stay in a cache, so
// every input comes from memory once.
struct ResponseTiles {
  ResponseTiles(const LocalResponseNorm::Params& p, int64_t width)
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

}  // namespace convtape::cpu::CONVTAPE_ISA
#endif
