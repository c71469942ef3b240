#include "cpu/gemm.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

// Element (i, j) at data[i·row + j·column]; one of the two strides is 1.
struct Matrix {
  const float* data;
  int64_t row, column, batch;
};

void packRows(float* to, const Matrix& a, int64_t batch, int64_t row, int64_t rows, int64_t k0, int64_t depth) {
  const float* from = a.data + batch * a.batch + row * a.row + k0 * a.column;
  if (a.column == 1) {
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < depth; ++j) to[i * kDepthStride + j] = from[i * a.row + j];
  } else {
    for (int64_t j = 0; j < depth; ++j)
      for (int64_t i = 0; i < rows; ++i) to[i * kDepthStride + j] = from[i + j * a.column];
  }
}

void packColumns(float* to, int64_t ld, const Matrix& b, int64_t batch, int64_t k0, int64_t depth, int64_t column, int64_t columns) {
  const float* from = b.data + batch * b.batch + k0 * b.row + column * b.column;
  if (b.column == 1) {
    for (int64_t k = 0; k < depth; ++k)
      for (int64_t i = 0; i < columns; ++i) to[k * ld + i] = from[k * b.row + i];
  } else {
    for (int64_t i = 0; i < columns; ++i)
      for (int64_t k = 0; k < depth; ++k) to[k * ld + i] = from[k + i * b.column];
  }
}

}  // namespace

void run(const Matmul::Params& p, const Operands& o, Context& context) {
  const float* bias = o.in[2] ? o.in[2].f32() : nullptr;
  float* y = o.out[0].f32();
  const Matrix a = {o.in[0].f32(), p.transposeA ? 1 : p.k, p.transposeA ? p.m : 1, p.m * p.k};
  const Matrix b = {o.in[1].f32(), p.transposeB ? 1 : p.n, p.transposeB ? p.k : 1, p.k * p.n};
  auto value = [&](float sum, int64_t column) {
    if (bias) sum += bias[column];
    return p.relu && sum < 0 ? 0 : sum;
  };
  if (!p.transposeB) {
    gemm(
        context, {p.batch, p.m, p.n, p.k},
        [&](float* to, int64_t batch, int64_t row, int64_t rows, int64_t k0, int64_t depth) {
          packRows(to, a, batch, row, rows, k0, depth);
        },
        [&](float* to, int64_t ld, int64_t batch, int64_t k0, int64_t depth, int64_t column, int64_t columns) {
          packColumns(to, ld, b, batch, k0, depth, column, columns);
        },
        [&](const float* c, int64_t ld, int64_t batch, int64_t row, int64_t rows, int64_t column, int64_t columns) {
          for (int64_t i = 0; i < rows; ++i) {
            float* to = y + (batch * p.m + row + i) * p.n + column;
            for (int64_t j = 0; j < columns; ++j) to[j] = value(c[i * ld + j], column + j);
          }
        });
    return;
  }
  // yᵀ = op(b)ᵀ · op(a)ᵀ: the rows of b, contiguous along k, need no transposing. They are a layer's weights, the larger matrix.
  const Matrix bt = {b.data, b.column, b.row, b.batch}, at = {a.data, a.column, a.row, a.batch};
  gemm(
      context, {p.batch, p.n, p.m, p.k},
      [&](float* to, int64_t batch, int64_t row, int64_t rows, int64_t k0, int64_t depth) {
        packRows(to, bt, batch, row, rows, k0, depth);
      },
      [&](float* to, int64_t ld, int64_t batch, int64_t k0, int64_t depth, int64_t column, int64_t columns) {
        packColumns(to, ld, at, batch, k0, depth, column, columns);
      },
      [&](const float* c, int64_t ld, int64_t batch, int64_t row, int64_t rows, int64_t column, int64_t columns) {
        for (int64_t j = 0; j < columns; ++j) {
          float* to = y + (batch * p.m + column + j) * p.n + row;
          for (int64_t i = 0; i < rows; ++i) to[i] = value(c[i * ld + j], row + i);
        }
      });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
