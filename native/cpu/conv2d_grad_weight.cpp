#include "core/ops/conv2d.h"
#include "cpu/windows.h"
#include "cpu/winograd_grad_weight.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

// Sums of a part, group by group: taps (c,r,s) × filters, filters padded to whole vectors.
struct Sums {
  static constexpr bool direct = true;
  float* data;
  int64_t parts, groups, taps, ld;

  float* at(int64_t part, int64_t group, int64_t tap) const { return data + ((part * groups + group) * taps + tap) * ld; }
  float* operator()(const Block& block, int64_t& ldc) const {
    ldc = ld;
    return at(block.part, block.batch, block.row) + block.column;
  }
};

constexpr int64_t kParts = 8;

}  // namespace

// dweight[k,c,r,s] = Σ_{n,i,j} dy[n,k,i,j] · x[n, c, i·stride + r − padding, j·stride + s − padding]: taps by pixels times dyᵀ. The sum
// over pixels is cut into parts, as many as the sizes say, and their results are added in order.
void run(const Conv2dGradWeight::Params& p, const Operands& o, Context& context) {
  const ConvSizes& s = p.sizes;
  if (winogradPays(s, s.outHeight(), s.outWidth())) {
    if (foldedTaps(s.kernelHeight, s.strideHeight) == 3)
      return WinogradGradWeight<3>(s, o.in[0].f32(), o.in[1].f32(), o.out[0].f32()).run(context);
    return WinogradGradWeight<5>(s, o.in[0].f32(), o.in[1].f32(), o.out[0].f32()).run(context);
  }
  const Window window = {s.height,       s.width,       s.height * s.width, s.channels * s.height * s.width,
                         s.outHeight(),  s.outWidth(),  s.kernelHeight,     s.kernelWidth,
                         s.strideHeight, s.strideWidth, s.paddingHeight,    s.paddingWidth};
  const int64_t pixels = window.pixels(), filters = s.groupFilters(), taps = s.groupChannels() * window.taps();
  const float *dy = o.in[0].f32(), *x = o.in[1].f32();
  float* dweight = o.out[0].f32();
  GemmSizes sizes = {s.groups, taps, filters, s.batch * pixels};
  sizes.depthUnit = s.outWidth();
  sizes.parts = most(1, least(kParts, s.batch * pixels / (2 * kMostDepth)));
  sizes.blockRows = 1200;
  const int workers = Pool::instance().workers();
  WindowReaders readers(window, workers);
  Sums sums = {nullptr, sizes.parts, s.groups, taps, ceilDiv(filters, kLanes) * kLanes};
  const int64_t readersFloats = ceilDiv(readers.floats(), 64) * 64;
  gemm(
      context, sizes, workers, readersFloats + sizes.parts * s.groups * taps * sums.ld,
      [&](float* memory) {
        readers.prepare(memory);
        sums.data = memory + readersFloats;
      },
      [&](const Block& block, int64_t row, int64_t rows, int64_t k0, int64_t depth, const float** pointers, int32_t* offsets) {
        // A few channels at a time, whole ones where they are small: their rows of the images stay in L1.
        const int64_t group = most(1, 72 / window.taps()) * window.taps();
        rows = least(rows, least(kMostRows, group - row % group));
        readers.at(block.worker)
            .tapsByPixels(x + block.batch * s.groupChannels() * window.channelStride, row, rows, k0, depth, pointers, offsets);
        return rows;
      },
      [&](const PackedB& to, int64_t group, int64_t column, int64_t columns, int64_t k0, int) {
        for (int64_t at = 0; at < to.depth;) {
          const int64_t n = (k0 + at) / pixels, first = (k0 + at) % pixels, count = least(pixels - first, to.depth - at);
          packColumns(to, at, count, dy + (n * s.filters + group * filters + column) * pixels + first, pixels, columns);
          at += count;
        }
      },
      sums, [](float*, int64_t, const Block&) {});
  // dweight[k, tap] = Σ_part sums[part, group, tap, k]
  const int64_t chunk = 16 * kLanes, chunks = ceilDiv(taps, chunk);
  parallelRanges(s.groups * chunks, 1, [&](int64_t index, int64_t) {
    const int64_t group = index / chunks, tap = index % chunks * chunk, count = least(chunk, taps - tap);
    float* total = sums.at(0, group, tap);
    for (int64_t part = 1; part < sums.parts; ++part) {
      const float* next = sums.at(part, group, tap);
      for (int64_t i = 0; i < count * sums.ld; i += kLanes) store(total + i, load(total + i) + load(next + i));
    }
    copyTransposed(dweight + group * filters * taps + tap, taps, total, sums.ld, count, filters);
  });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
