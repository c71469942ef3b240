#include "cpu/columns.h"

namespace convtape::cpu::CONVTAPE_ISA {

// dweight[k,c,r,s] = Σ_{n,i,j} dy[n,k,i,j] · x[n, c, i·stride + r − padding, j·stride + s − padding]: rows (c,r,s) of the column matrix
// times dyᵀ. The sum over pixels is cut into parts, as many as the sizes say, and their results are added in order.
void run(const Conv2dGradWeight::Params& p, const Operands& o, Context& context) {
  const ConvSizes& s = p.sizes;
  const Window window = {s.height,       s.width,       s.height * s.width, s.channels * s.height * s.width,
                         s.outHeight(),  s.outWidth(),  s.kernelHeight,     s.kernelWidth,
                         s.strideHeight, s.strideWidth, s.paddingHeight,    s.paddingWidth};
  const int64_t pixels = window.pixels(), filters = s.groupFilters(), depth = s.groupChannels() * window.taps();
  const float *dy = o.in[0].f32(), *x = o.in[1].f32();
  float* dweight = o.out[0].f32();
  const int64_t parts = most(1, least(8, s.batch * pixels / (4 * kDepth)));
  const int workers = Pool::instance().workers();
  ColumnPackers packers(window, workers);
  float* sums = nullptr;  // parts × groups × depth × filters
  gemm(
      context, {s.groups, depth, filters, s.batch * pixels, parts}, workers, packers.floats() + parts * s.filters * depth,
      [&](float* memory) {
        packers.prepare(memory);
        sums = memory + packers.floats();
      },
      [&](float* to, const Block& block, int64_t row, int64_t rows, int64_t k0, int64_t count) {
        ColumnPacker& packer = packers.at(block.worker);
        packer.setPixels(k0, count);
        packer.setRows(x + block.batch * s.groupChannels() * window.channelStride, row, rows);
        for (int64_t v = 0; v * kLanes < count; ++v) packer.packVector(v, to + v * kLanes, kDepthStride);
      },
      [&](const PackedB& to, const Block& block, int64_t k0) {
        for (int64_t at = 0; at < to.depth;) {
          const int64_t n = (k0 + at) / pixels, first = (k0 + at) % pixels, count = least(pixels - first, to.depth - at);
          const float* from = dy + (n * s.filters + block.batch * filters + block.column) * pixels + first;
          for (int64_t v = 0; v < to.vectors; ++v)
            copyTransposed(to.at(v) + at * to.stride(v), to.stride(v), from + v * kLanes * pixels, pixels,
                           least(kLanes, block.columns - v * kLanes), count);
          at += count;
        }
        zeroTail(to, block.columns);
      },
      [&](const float* c, int64_t ld, const Block& block) {
        float* to = sums + ((block.part * s.groups + block.batch) * depth + block.row) * filters + block.column;
        copyRows(to, filters, c, ld, block.rows, block.columns);
      });
  // dweight[k, row] = Σ_part sums[part, group, row, k]
  const int64_t chunk = 16 * kLanes, chunks = ceilDiv(depth, chunk);
  parallelRanges(s.groups * chunks, 1, [&](int64_t index, int64_t) {
    const int64_t group = index / chunks, row = index % chunks * chunk, rows = least(chunk, depth - row);
    float* first = sums + (group * depth + row) * filters;
    for (int64_t part = 1; part < parts; ++part) {
      const float* next = first + part * s.groups * depth * filters;
      for (int64_t i = 0; i < rows * filters; ++i) first[i] += next[i];
    }
    copyTransposed(dweight + group * filters * depth + row, depth, first, filters, rows, filters);
  });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
