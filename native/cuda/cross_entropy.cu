// The loss of logits: 4 bytes moved a logit forward, 8 backward. A row of up to 1,024 is a warp's, a longer one a block's. Row losses go
// to scratch memory in float64 and are added up by one block in a fixed order.
#include <stdio.h>

#include "cuda/reduce.cuh"
#include "cuda/report.cuh"

namespace convtape::CONVTAPE_GPU {
namespace {

// kRowThreads (32 or kThreads) a row; what a lane finds is joined over them.
template <int kRowThreads>
__global__ void __launch_bounds__(kThreads) lossKernel(const float* __restrict__ x,         // (rows, classes)
                                                       const int32_t* __restrict__ labels,  // (rows)
                                                       double* __restrict__ losses,         // (rows) or null
                                                       float* __restrict__ loss,            // (rows) or null
                                                       float* __restrict__ stats,           // (rows, 2) or null
                                                       int64_t rows, int64_t classes, Report* wrong) {
  CONVTAPE_SHARED(double, memory);  // (kThreads / 32)
  constexpr int kRows = kThreads / kRowThreads;
  const int64_t step = static_cast<int64_t>(gridDim.x) * kRows;
  const int t = static_cast<int>(threadIdx.x) % kRowThreads;
  for (int64_t row = static_cast<int64_t>(blockIdx.x) * kRows + threadIdx.x / kRowThreads; row < rows; row += step) {
    const float* from = x + row * classes;  // (classes)
    float m = -INFINITY;
    for (int64_t i = t; i < classes; i += kRowThreads) m = from[i] > m ? from[i] : m;
    m = kRowThreads == 32 ? warpJoin(m, MaxJoin{}) : blockJoin(m, MaxJoin{}, reinterpret_cast<float*>(memory), kThreads);
    double sum = 0;
    for (int64_t i = t; i < classes; i += kRowThreads) sum += static_cast<double>(expf(from[i] - m));
    sum = kRowThreads == 32 ? warpJoin(sum, AddJoin{}) : blockJoin(sum, AddJoin{}, memory, kThreads);
    if (t != 0) continue;
    const int32_t label = labels[row];
    const bool right = label >= 0 && label < classes;
    if (!right) report(wrong, row, label);
    const double own = static_cast<double>(m) - static_cast<double>(from[right ? label : 0]) + ::log(sum);
    if (losses) losses[row] = own;
    if (loss) loss[row] = static_cast<float>(own);
    if (stats) {
      stats[2 * row] = m;
      stats[2 * row + 1] = static_cast<float>(sum);
    }
  }
}

// One block: every thread its share of the rows, then a tree.
__global__ void __launch_bounds__(kThreads) totalKernel(const double* __restrict__ losses,  // (rows)
                                                        float* __restrict__ loss,           // (1)
                                                        int64_t rows, double divisor) {
  CONVTAPE_SHARED(double, memory);  // (kThreads / 32)
  double sum = 0;
  for (int64_t i = threadIdx.x; i < rows; i += kThreads) sum += losses[i];
  sum = blockJoin(sum, AddJoin{}, memory, kThreads);
  if (threadIdx.x == 0) *loss = static_cast<float>(sum / divisor);
}

// dx = exp(x − m) · d / Σ, less d at the label; d is dy, over `divisor` for the mean.
template <class Index>
__global__ void __launch_bounds__(kThreads) lossGradKernel(const float* __restrict__ dy,        // (rows) or (1)
                                                           const float* __restrict__ x,         // (rows, classes)
                                                           const int32_t* __restrict__ labels,  // (rows)
                                                           const float* __restrict__ stats,     // (rows, 2)
                                                           float* __restrict__ dx,              // (rows, classes)
                                                           int64_t count, Divisor<Index> classes, bool each, float divisor) {
  for (int64_t u = globalThread(); u < count; u += gridThreads()) {
    Index c;
    const Index row = classes.divide(static_cast<Index>(u), &c);
    const float d = each ? dy[row] : dy[0] / divisor;
    float g = expf(x[u] - stats[2 * row]) * (d / stats[2 * row + 1]);
    if (static_cast<int64_t>(c) == labels[row]) g -= d;
    dx[u] = g;
  }
}

void describe(const void* params, long long place, int value, char* text, size_t size) {
  const auto& p = *static_cast<const CrossEntropy::Params*>(params);
  snprintf(text, size, "label %d in row %lld is outside 0 … %lld", value, place, static_cast<long long>(p.classes - 1));
}

template <int kRowThreads>
void losses(const CrossEntropy::Params& p, const Operands& o, double* losses /* (rows) or null */, Context& context) {
  const int64_t perBlock = kThreads / kRowThreads, blocks = (p.rows + perBlock - 1) / perBlock, most = int64_t{1} << 20;
  float* each = p.reduction == LossReduction::None ? o.out[0].f32() : nullptr;  // (rows) or null
  context.launch("crossEntropy", lossKernel<kRowThreads>, dim3(static_cast<unsigned>(blocks < most ? blocks : most)), kThreads,
                 kThreads / 32 * sizeof(double), o.in[0].f32(), o.in[1].i32(), losses, each, o.out[1].f32(), p.rows, p.classes,
                 context.report(p, describe));
}

}  // namespace

void run(const CrossEntropy::Params& p, const Operands& o, Context& context) {
  if (p.rows * p.classes == 0) return;
  // (rows) or null
  double* own = p.reduction == LossReduction::None ? nullptr : context.scratch<double>(static_cast<size_t>(p.rows));
  if (p.classes <= 1024)
    losses<32>(p, o, own, context);
  else
    losses<kThreads>(p, o, own, context);
  if (own)
    context.launch("crossEntropy total", totalKernel, dim3(1), kThreads, kThreads / 32 * sizeof(double), own, o.out[0].f32(), p.rows,
                   p.reduction == LossReduction::Mean ? static_cast<double>(p.rows) : 1.0);
}

void run(const CrossEntropyGrad::Params& p, const Operands& o, Context& context) {
  const int64_t count = p.rows * p.classes;
  if (count == 0) return;
  const float divisor = p.reduction == LossReduction::Mean ? static_cast<float>(p.rows) : 1.0f;
  withIndex(count, [&](auto index) {
    using Index = decltype(index);
    context.launch("crossEntropyGrad", lossGradKernel<Index>, gridFor(count, context.multiprocessors), kThreads, 0, o.in[0].f32(),
                   o.in[1].f32(), o.in[2].i32(), o.in[3].f32(), o.out[0].f32(), count, Divisor<Index>(p.classes),
                   p.reduction == LossReduction::None, divisor);
  });
}

}  // namespace convtape::CONVTAPE_GPU
