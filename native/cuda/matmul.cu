#include "cuda/gemm.cuh"

namespace convtape::CONVTAPE_GPU {

void run(const Matmul::Params& p, const Operands& o, Context& context) {
  const float* a = o.in[0].f32();  // (batch, m, k), or (batch, k, m) where transposeA
  const float* b = o.in[1].f32();  // (batch, k, n), or (batch, n, k) where transposeB
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
