#include "cpu/kernels.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

constexpr int64_t kWork = 1 << 14;  // values a task writes, about

struct Row {
  const uint8_t* pixels;  // null where the row lies above or below the image
  const float* mean;      // of the row, or of the channel; null where there is none
  bool image;             // mean has a value for every column
  double shift, scale;
};

// The value for column `at` of the image, which may lie beside it.
float value(const Row& row, int64_t at, int64_t width) {
  const int64_t nearest = at < 0 ? 0 : at >= width ? width - 1 : at;
  const double pixel = row.pixels && at == nearest ? row.pixels[at] : 0;
  const double mean = row.mean ? row.mean[row.image ? nearest : 0] : 0;
  return static_cast<float>((pixel - mean + row.shift) * row.scale);
}

// A row that lies inside the image, from column `left` on.
template <bool kImage, bool kMirror>
void inside(const Row& row, int64_t left, int64_t count, float* y) {
  const uint8_t* pixels = row.pixels + left;
  const float* means = kImage ? row.mean + left : row.mean;
  const double one = kImage || !row.mean ? 0 : *row.mean, shift = row.shift, scale = row.scale;
  for (int64_t j = 0; j < count; ++j) {
    const int64_t at = kMirror ? count - 1 - j : j;
    const double mean = kImage ? means[at] : one;
    y[j] = static_cast<float>((pixels[at] - mean + shift) * scale);
  }
}

void cropRow(const Row& row, int64_t left, int64_t width, bool mirror, int64_t count, float* y) {
  if (!row.pixels || left < 0 || left + count > width) {
    for (int64_t j = 0; j < count; ++j) y[j] = value(row, left + (mirror ? count - 1 - j : j), width);
  } else if (row.image) {
    mirror ? inside<true, true>(row, left, count, y) : inside<true, false>(row, left, count, y);
  } else {
    mirror ? inside<false, true>(row, left, count, y) : inside<false, false>(row, left, count, y);
  }
}

}  // namespace

void run(const CropImages::Params& p, const Operands& o, Context&) {
  const uint8_t* x = o.in[0].u8();
  const int32_t* windows = o.in[1].i32();
  const float *mean = p.mean == ImageMean::None ? nullptr : o.in[2].f32(), *shift = o.in[3] ? o.in[3].f32() : nullptr;
  float* y = o.out[0].f32();
  const int64_t area = p.height * p.width, outArea = p.outHeight * p.outWidth;
  const bool image = p.mean == ImageMean::Image;
  // A task takes some of the planes.
  parallelRanges(p.batch * p.views * p.channels, outArea < kWork ? kWork / (outArea < 1 ? 1 : outArea) : 1,
                 [&](int64_t begin, int64_t end) {
                   for (int64_t plane = begin; plane < end; ++plane) {
                     const int64_t view = plane / p.channels, channel = plane % p.channels, source = view / p.views * p.channels + channel;
                     const int64_t top = windows[3 * view], left = windows[3 * view + 1];
                     for (int64_t i = 0; i < p.outHeight; ++i) {
                       const int64_t at = top + i, nearest = at < 0 ? 0 : at >= p.height ? p.height - 1 : at;
                       const Row row{at == nearest ? x + source * area + at * p.width : nullptr,
                                     mean ? mean + (image ? channel * area + nearest * p.width : channel) : nullptr, image,
                                     shift ? shift[source] : 0.0, p.scale};
                       cropRow(row, left, p.width, windows[3 * view + 2] != 0, p.outWidth, y + plane * outArea + i * p.outWidth);
                     }
                   }
                 });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
