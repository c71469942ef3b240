#include "cuda/cast.cuh"
#include "cuda/gemm.cuh"
#include "cuda/reduce.cuh"

namespace convtape::CONVTAPE_GPU {
namespace {

// Products by weights in bf16. A few rows: a warp an output, 2 bytes moved a weight. More: the weights are made float32 first.
constexpr int kFewRows = 4, kWarp = 32;

struct FewRows {
  const float* a;     // (batch, rows, k)
  const Bf16* b;      // (batch, n, k)
  const float* bias;  // (n), or null
  float* y;           // (batch, rows, n)
  int64_t batch, n, k;
  bool relu;
};

// kWidth neighbouring depths at a time.
template <int kRows, int kWidth>
__global__ void __launch_bounds__(kThreads) fewRowsKernel(FewRows p) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  for (int64_t out = globalThread() / kWarp; out < p.batch * p.n; out += gridThreads() / kWarp) {
    const int64_t batch = out / p.n, column = out % p.n;
    const float* a = p.a + batch * kRows * p.k;  // (kRows, k)
    const Bf16* b = p.b + out * p.k;             // (k)
    float sum[kRows] = {};
    for (int64_t i = int64_t{kWidth} * lane; i < p.k; i += int64_t{kWidth} * kWarp) {
      const auto weights = loadPack<kWidth>(b + i);
      CONVTAPE_UNROLL
      for (int row = 0; row < kRows; ++row) {
        const auto values = loadPack<kWidth>(a + row * p.k + i);
        CONVTAPE_UNROLL
        for (int j = 0; j < kWidth; ++j) sum[row] = fmaf(values.v[j], toFloat(weights.v[j]), sum[row]);
      }
    }
    CONVTAPE_UNROLL
    for (int row = 0; row < kRows; ++row) {
      const float total = warpJoin(sum[row], AddJoin{}), y = p.bias ? total + p.bias[column] : total;
      if (lane > 0) continue;
      p.y[(batch * kRows + row) * p.n + column] = p.relu && y < 0 ? 0 : y;
    }
  }
}

template <int kRows>
void fewRows(const FewRows& p, Context& context) {
  constexpr int kWidth = 8;
  const bool wide = p.k % kWidth == 0 && aligned(p.b, kWidth * sizeof(Bf16)) && aligned(p.a, kWidth * sizeof(float));
  context.launch("matmul of few rows", wide ? fewRowsKernel<kRows, kWidth> : fewRowsKernel<kRows, 1>,
                 gridFor(p.batch * p.n * kWarp, context.multiprocessors), kThreads, 0, p);
}

void fewRows(int64_t rows, const FewRows& p, Context& context) {
  switch (rows) {
    case 1:
      return fewRows<1>(p, context);
    case 2:
      return fewRows<2>(p, context);
    case 3:
      return fewRows<3>(p, context);
    default:
      return fewRows<kFewRows>(p, context);
  }
}

// x as float32, in memory of the call's.
const float* widened(const Bf16* x /* (count) */, int64_t count, Context& context) {
  float* y = context.scratch<float>(static_cast<size_t>(count));  // (count)
  cast(x, y, count, context);
  return y;
}

}  // namespace

void run(const Matmul::Params& p, const Operands& o, Context& context) {
  const float* a = o.in[0].f32();                  // (batch, m, k), or (batch, k, m) where transposeA
  const bool half = o.in[1].dtype == DType::BF16;  // then it is transposed, and a is not
  if (half && p.m >= 1 && p.m <= kFewRows)
    return fewRows(p.m, {a, o.in[1].bf16(), o.in[2] ? o.in[2].f32() : nullptr, o.out[0].f32(), p.batch, p.n, p.k, p.relu}, context);
  // (batch, k, n), or (batch, n, k) where transposeB
  const float* b = half ? widened(o.in[1].bf16(), p.batch * p.n * p.k, context) : o.in[1].f32();
  Target y = matrixTarget(o.out[0].f32() /* (batch, m, n) */, p.m, p.n);
  y.bias = o.in[2] ? o.in[2].f32() : nullptr;  // (n)
  y.relu = p.relu;
  const int64_t sizeA = p.m * p.k, sizeB = p.k * p.n;
  if (p.transposeA && p.transposeB) {  // aᵀ·bᵀ = (b·a)ᵀ
    y.biasOfRows = true;
    y.rowStride = 1;
    y.columnStride = p.n;
    y.pixels = y.width = Quotient(p.m);
    product(context, "matmul", matrix<true>(b, p.n, p.k, sizeB), matrix<false>(a, p.m, p.k, sizeA), y, p.batch, p.n, p.m, p.k);
  } else if (p.transposeA) {
    product(context, "matmul", matrix<false>(a, p.m, p.k, sizeA), matrix<false>(b, p.n, p.k, sizeB), y, p.batch, p.m, p.n, p.k);
  } else if (p.transposeB) {
    product(context, "matmul", matrix<true>(a, p.m, p.k, sizeA), matrix<true>(b, p.n, p.k, sizeB), y, p.batch, p.m, p.n, p.k);
  } else {
    product(context, "matmul", matrix<true>(a, p.m, p.k, sizeA), matrix<false>(b, p.n, p.k, sizeB), y, p.batch, p.m, p.n, p.k);
  }
}

}  // namespace convtape::CONVTAPE_GPU
