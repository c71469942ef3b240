// Softmax and its logarithm: 8 bytes moved an element forward, 12 backward. A row of up to 1,024 is a warp's and stays in its registers;
// a longer one is a block's, which finds it in the caches on its second and third way through. Along an axis that is not the last,
// neighbouring threads are neighbouring columns.
//
// Sums are made in float64, as on the CPU: one addition an element is less than the memory leaves time for.
#include "cuda/reduce.cuh"

namespace convtape::CONVTAPE_GPU {
namespace {

constexpr int kWarps = kThreads / 32;

// Softmax's last step: y from x, the largest m, Σ exp(x − m) and exp(x − m).
struct Finish {
  bool log;
  __device__ float operator()(float x, float m, float total, float logTotal, float e) const { return log ? (x - m) - logTotal : e / total; }
};

// A warp a row, kEach elements a lane.
template <int kEach>
__global__ void __launch_bounds__(kThreads, 2) softmaxWarp(const float* __restrict__ x,  // (rows, n)
                                                           float* __restrict__ y,        // (rows, n)
                                                           int64_t rows, int n, Finish finish) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  for (int64_t row = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32; row < rows;
       row += static_cast<int64_t>(gridDim.x) * kWarps) {
    const float* from = x + row * n;  // (n)
    float* to = y + row * n;          // (n)
    float v[kEach], m = -INFINITY;
    CONVTAPE_UNROLL
    for (int k = 0; k < kEach; ++k) {
      v[k] = lane + 32 * k < n ? from[lane + 32 * k] : -INFINITY;
      m = v[k] > m ? v[k] : m;
    }
    m = warpJoin(m, MaxJoin{});
    double sum = 0;
    float e[kEach];
    CONVTAPE_UNROLL
    for (int k = 0; k < kEach; ++k) {
      e[k] = expf(v[k] - m);
      if (lane + 32 * k < n) sum += static_cast<double>(e[k]);
    }
    const float total = static_cast<float>(warpJoin(sum, AddJoin{})), logTotal = finish.log ? logf(total) : 0.0f;
    CONVTAPE_UNROLL
    for (int k = 0; k < kEach; ++k)
      if (lane + 32 * k < n) to[lane + 32 * k] = finish(v[k], m, total, logTotal, e[k]);
  }
}

// A block a row.
__global__ void __launch_bounds__(kThreads) softmaxBlock(const float* __restrict__ x,  // (rows, n)
                                                         float* __restrict__ y,        // (rows, n)
                                                         int64_t rows, int64_t n, Finish finish) {
  CONVTAPE_SHARED(double, memory);  // (kWarps)
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const float* from = x + row * n;  // (n)
    float* to = y + row * n;          // (n)
    float m = -INFINITY;
    for (int64_t i = threadIdx.x; i < n; i += kThreads) m = from[i] > m ? from[i] : m;
    m = blockJoin(m, MaxJoin{}, reinterpret_cast<float*>(memory), kThreads);
    double sum = 0;
    for (int64_t i = threadIdx.x; i < n; i += kThreads) sum += static_cast<double>(expf(from[i] - m));
    const float total = static_cast<float>(blockJoin(sum, AddJoin{}, memory, kThreads)), logTotal = finish.log ? logf(total) : 0.0f;
    for (int64_t i = threadIdx.x; i < n; i += kThreads) to[i] = finish(from[i], m, total, logTotal, finish.log ? 0.0f : expf(from[i] - m));
  }
}

// A thread a column.
__global__ void __launch_bounds__(kThreads) softmaxColumns(const float* __restrict__ x,  // (outer, n, inner)
                                                           float* __restrict__ y,        // (outer, n, inner)
                                                           int64_t columns, int64_t n, int64_t inner, Finish finish) {
  for (int64_t u = globalThread(); u < columns; u += gridThreads()) {
    const int64_t first = u / inner * n * inner + u % inner;
    const float* from = x + first;  // (n), inner apart
    float* to = y + first;          // as from
    float m = -INFINITY;
    for (int64_t c = 0; c < n; ++c) m = from[c * inner] > m ? from[c * inner] : m;
    double sum = 0;
    for (int64_t c = 0; c < n; ++c) sum += static_cast<double>(expf(from[c * inner] - m));
    const float total = static_cast<float>(sum), logTotal = finish.log ? logf(total) : 0.0f;
    for (int64_t c = 0; c < n; ++c)
      to[c * inner] = finish(from[c * inner], m, total, logTotal, finish.log ? 0.0f : expf(from[c * inner] - m));
  }
}

// The gradient. softmax: dx = y (dy·Σy − Σ dy·y). Σy is 1 but for rounding; with it, what the rounding of a y near 1 does to the second
// sum goes away where the two are subtracted, which is why that happens in float64. Its logarithm: dx = dy − exp(y) Σ dy.
struct Sums {
  double first, products;
};
struct Gradient {
  bool log;
  __device__ void add(Sums* sums /* (1) */, float dy, float y) const {
    sums->first += static_cast<double>(log ? dy : y);
    if (!log) sums->products += static_cast<double>(dy) * static_cast<double>(y);
  }
  __device__ float operator()(float dy, float y, const Sums& s) const {
    return log ? dy - expf(y) * static_cast<float>(s.first) : y * static_cast<float>(static_cast<double>(dy) * s.first - s.products);
  }
};

template <int kEach>
__global__ void __launch_bounds__(kThreads, 2) softmaxGradWarp(const float* __restrict__ dy,  // (rows, n)
                                                               const float* __restrict__ y,   // (rows, n)
                                                               float* __restrict__ dx,        // (rows, n)
                                                               int64_t rows, int n, Gradient gradient) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  for (int64_t row = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32; row < rows;
       row += static_cast<int64_t>(gridDim.x) * kWarps) {
    float d[kEach], v[kEach];
    Sums sums = {0, 0};
    CONVTAPE_UNROLL
    for (int k = 0; k < kEach; ++k) {
      const int i = lane + 32 * k;
      d[k] = i < n ? dy[row * n + i] : 0.0f;
      v[k] = i < n ? y[row * n + i] : 0.0f;
      gradient.add(&sums, d[k], v[k]);
    }
    sums.first = warpJoin(sums.first, AddJoin{});
    sums.products = warpJoin(sums.products, AddJoin{});
    CONVTAPE_UNROLL
    for (int k = 0; k < kEach; ++k)
      if (lane + 32 * k < n) dx[row * n + lane + 32 * k] = gradient(d[k], v[k], sums);
  }
}

__global__ void __launch_bounds__(kThreads) softmaxGradBlock(const float* __restrict__ dy,  // (rows, n)
                                                             const float* __restrict__ y,   // (rows, n)
                                                             float* __restrict__ dx,        // (rows, n)
                                                             int64_t rows, int64_t n, Gradient gradient) {
  CONVTAPE_SHARED(double, memory);  // (kWarps)
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const int64_t begin = row * n;
    Sums sums = {0, 0};
    for (int64_t i = threadIdx.x; i < n; i += kThreads) gradient.add(&sums, dy[begin + i], y[begin + i]);
    sums.first = blockJoin(sums.first, AddJoin{}, memory, kThreads);
    sums.products = blockJoin(sums.products, AddJoin{}, memory, kThreads);
    for (int64_t i = threadIdx.x; i < n; i += kThreads) dx[begin + i] = gradient(dy[begin + i], y[begin + i], sums);
  }
}

__global__ void __launch_bounds__(kThreads) softmaxGradColumns(const float* __restrict__ dy,  // (outer, n, inner)
                                                               const float* __restrict__ y,   // (outer, n, inner)
                                                               float* __restrict__ dx,        // (outer, n, inner)
                                                               int64_t columns, int64_t n, int64_t inner, Gradient gradient) {
  for (int64_t u = globalThread(); u < columns; u += gridThreads()) {
    const int64_t first = u / inner * n * inner + u % inner;
    Sums sums = {0, 0};
    for (int64_t c = 0; c < n; ++c) gradient.add(&sums, dy[first + c * inner], y[first + c * inner]);
    for (int64_t c = 0; c < n; ++c) dx[first + c * inner] = gradient(dy[first + c * inner], y[first + c * inner], sums);
  }
}

// body(kernel for rows of n ≤ 1,024 with as few registers as hold one)
template <class Body>
void forWidth(int64_t n, Body&& body) {
  if (n <= 32) return body(Elements<1>{});
  if (n <= 128) return body(Elements<4>{});
  if (n <= 512) return body(Elements<16>{});
  body(Elements<32>{});
}

unsigned rowBlocks(int64_t rows, int perBlock) {
  const int64_t blocks = (rows + perBlock - 1) / perBlock, most = int64_t{1} << 20;
  return static_cast<unsigned>(blocks < most ? blocks : most);
}

}  // namespace

void run(const Softmax::Params& p, const Operands& o, Context& context) {
  if (p.outer * p.axis * p.inner == 0) return;
  const float* x = o.in[0].f32();  // (outer, axis, inner)
  float* y = o.out[0].f32();       // as x
  const Finish finish{p.log};
  if (p.inner > 1) {
    context.launch("softmax columns", softmaxColumns, gridFor(p.outer * p.inner, context.multiprocessors), kThreads, 0, x, y,
                   p.outer * p.inner, p.axis, p.inner, finish);
  } else if (p.axis <= 1024) {
    forWidth(p.axis, [&](auto each) {
      context.launch("softmax", softmaxWarp<each.n>, rowBlocks(p.outer, kWarps), kThreads, 0, x, y, p.outer, static_cast<int>(p.axis),
                     finish);
    });
  } else {
    context.launch("softmax long rows", softmaxBlock, rowBlocks(p.outer, 1), kThreads, kWarps * sizeof(double), x, y, p.outer, p.axis,
                   finish);
  }
}

void run(const SoftmaxGrad::Params& p, const Operands& o, Context& context) {
  if (p.outer * p.axis * p.inner == 0) return;
  const float *dy = o.in[0].f32(), *y = o.in[1].f32();  // (outer, axis, inner)
  float* dx = o.out[0].f32();                           // as y
  const Gradient gradient{p.log};
  if (p.inner > 1) {
    context.launch("softmaxGrad columns", softmaxGradColumns, gridFor(p.outer * p.inner, context.multiprocessors), kThreads, 0, dy, y, dx,
                   p.outer * p.inner, p.axis, p.inner, gradient);
  } else if (p.axis <= 1024) {
    forWidth(p.axis, [&](auto each) {
      context.launch("softmaxGrad", softmaxGradWarp<each.n>, rowBlocks(p.outer, kWarps), kThreads, 0, dy, y, dx, p.outer,
                     static_cast<int>(p.axis), gradient);
    });
  } else {
    context.launch("softmaxGrad long rows", softmaxGradBlock, rowBlocks(p.outer, 1), kThreads, kWarps * sizeof(double), dy, y, dx, p.outer,
                   p.axis, gradient);
  }
}

}  // namespace convtape::CONVTAPE_GPU
