// Dropout: 8 bytes moved an element. A thread draws one Philox counter and applies it to the up to four elements of a row that it
// decides, so a piece of a wider tensor costs no more draws than the whole.
#include "core/philox.h"
#include "cuda/index.cuh"
#include "cuda/kernels.h"

namespace convtape::CONVTAPE_GPU {
namespace {

// Element (row, column) is draw row · pitch + offset + column; `groups` counters touch a row. kVector: every row's draws start at a
// multiple of four, every row at a multiple of 16 bytes.
template <bool kVector, class Index>
__global__ void __launch_bounds__(kThreads)
    dropoutKernel(const float* x,  // (rows, columns), the last row may be shorter
                  float* y,        // as x
                  int64_t count, int64_t columns, int64_t pitch, int64_t offset, Divisor<Index> groups, int64_t units, uint64_t seed,
                  uint64_t threshold, float scale) {
  for (int64_t u = globalThread(); u < units; u += gridThreads()) {
    Index group;
    const int64_t row = groups.divide(static_cast<Index>(u), &group);
    const int64_t first = row * pitch + offset, counter = first / 4 + group;
    const int64_t begin = row * columns, end = begin + columns < count ? begin + columns : count;
    const int64_t i = begin + 4 * counter - first;  // element of the counter's first word; may lie before the row
    if (i >= end) continue;
    const Philox4 words = philox(static_cast<uint64_t>(counter), seed);
    if (kVector && i + 4 <= end) {
      auto p = loadPack<4>(x + i);
      CONVTAPE_UNROLL
      for (int j = 0; j < 4; ++j) p.v[j] = words.v[j] < threshold ? p.v[j] * scale : 0.0f;
      storePack(y + i, p);
    } else {
      CONVTAPE_UNROLL
      for (int j = 0; j < 4; ++j)
        if (i + j >= begin && i + j < end) y[i + j] = words.v[j] < threshold ? x[i + j] * scale : 0.0f;
    }
  }
}

}  // namespace

void run(const Dropout::Params& p, const Operands& o, Context& context) {
  if (p.count == 0) return;
  const float* x = o.in[0].f32();  // (count)
  float* y = o.out[0].f32();       // (count)
  // A tensor whose draws are contiguous is one row.
  const int64_t columns = p.pitch == p.columns || p.count <= p.columns ? p.count : p.columns;
  const int64_t rows = (p.count + columns - 1) / columns;
  const bool onFours = p.offset % 4 == 0 && (rows == 1 || (p.pitch % 4 == 0 && columns % 4 == 0));
  const int64_t groups = onFours ? (columns + 3) / 4 : (columns + 6) / 4;
  const bool vector = onFours && aligned(x, 16) && aligned(y, 16);
  withIndex(rows * groups, [&](auto index) {
    using Index = decltype(index);
    context.launch("dropout", vector ? dropoutKernel<true, Index> : dropoutKernel<false, Index>,
                   gridFor(rows * groups, context.multiprocessors), kThreads, 0, x, y, p.count, columns, p.pitch, p.offset,
                   Divisor<Index>(groups), rows * groups, static_cast<uint64_t>(p.seed), p.threshold(), p.scale);
  });
}

}  // namespace convtape::CONVTAPE_GPU
