#include "cuda/gemm.cuh"

namespace convtape::CONVTAPE_GPU {
namespace {

__global__ void sumParts(const float* __restrict__ parts /* (splits, batch, rows, columns) */, Target target, unsigned splits,
                         unsigned batch, unsigned rows, unsigned columns) {
  const int64_t lines = static_cast<int64_t>(batch) * rows, part = lines * columns;
  for (int64_t i = globalThread(); i < part; i += gridThreads()) {
    float sum = parts[i];
    for (unsigned s = 1; s < splits; ++s) sum += parts[s * part + i];
    const int64_t line = i / columns, b = line / rows;
    Target to = target;
    to.batch(b);
    to.store(static_cast<unsigned>(line - b * rows), to.column(static_cast<unsigned>(i - line * columns)), sum);
  }
}

}  // namespace

void addParts(Context& context, const float* parts /* (splits, batch, rows, columns) */, const Target& target, unsigned splits,
              unsigned batch, unsigned rows, unsigned columns) {
  const int64_t count = static_cast<int64_t>(batch) * rows * columns;
  context.launch("sumParts", sumParts, dim3(gridFor(count, context.multiprocessors)), dim3(kThreads), 0, parts, target, splits, batch, rows,
                 columns);
}

}  // namespace convtape::CONVTAPE_GPU
