#include "cpu/pack.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

// Element (i, j) at data[i·row + j·column]; one of the two strides is 1.
struct Matrix {
  const float* data;
  int64_t row, column, batch;

  Matrix transposed() const { return {data, column, row, batch}; }
  const float* at(int64_t b, int64_t i, int64_t j) const { return data + b * batch + i * row + j * column; }
};

void packA(float* to, const Matrix& a, int64_t batch, int64_t row, int64_t rows, int64_t k0, int64_t depth) {
  if (a.column == 1)
    copyRows(to, kDepthStride, a.at(batch, row, k0), a.row, rows, depth);
  else
    copyTransposed(to, kDepthStride, a.at(batch, row, k0), a.column, depth, rows);
}

void packB(const PackedB& to, const Matrix& b, const Block& block, int64_t k0) {
  const float* from = b.at(block.batch, k0, block.column);
  if (b.column == 1) {
    for (int64_t v = 0; v < to.vectors; v += kTileVectors) {
      const int64_t columns = least(kTileVectors * kLanes, block.columns - v * kLanes);
      copyRows(to.at(v), to.stride(v), from + v * kLanes, b.row, to.depth, columns);
    }
  } else {
    for (int64_t v = 0; v < to.vectors; ++v)
      copyTransposed(to.at(v), to.stride(v), from + v * kLanes * b.column, b.column, least(kLanes, block.columns - v * kLanes), to.depth);
  }
  zeroTail(to, block.columns);
}

// Adds the bias, which goes along the rows of c or along its columns, and applies relu.
void finishBlock(float* c, int64_t ld, const Block& block, const float* rowBias, const float* columnBias, bool relu) {
  if (!rowBias && !columnBias && !relu) return;
  for (int64_t i = 0; i < block.rows; ++i, c += ld) {
    const float b = rowBias ? rowBias[block.row + i] : 0;
    for (int64_t j = 0; j < block.columns; ++j) {
      const float v = columnBias ? c[j] + columnBias[block.column + j] : c[j] + b;
      c[j] = relu && v < 0 ? 0 : v;
    }
  }
}

}  // namespace

void run(const Matmul::Params& p, const Operands& o, Context& context) {
  const float* bias = o.in[2] ? o.in[2].f32() : nullptr;
  float* y = o.out[0].f32();
  const Matrix a = {o.in[0].f32(), p.transposeA ? 1 : p.k, p.transposeA ? p.m : 1, p.m * p.k};
  const Matrix b = {o.in[1].f32(), p.transposeB ? 1 : p.n, p.transposeB ? p.k : 1, p.k * p.n};
  const int workers = Pool::instance().workers();
  // yᵀ = op(b)ᵀ · op(a)ᵀ is the same work with rows and columns exchanged. A layer's weights are the larger matrix, with rows that are
  // contiguous along k: they make the better A.
  const bool exchanged = p.transposeB;
  const Matrix left = exchanged ? b.transposed() : a, right = exchanged ? a.transposed() : b;
  gemm(
      context, {p.batch, exchanged ? p.n : p.m, exchanged ? p.m : p.n, p.k}, workers, 0, [](float*) {},
      [&](float* to, const Block& block, int64_t row, int64_t rows, int64_t k0, int64_t depth) {
        packA(to, left, block.batch, row, rows, k0, depth);
      },
      [&](const PackedB& to, const Block& block, int64_t k0) { packB(to, right, block, k0); },
      [&](float* c, int64_t ld, const Block& block) {
        if (exchanged) {
          finishBlock(c, ld, block, bias, nullptr, p.relu);
          copyTransposed(y + (block.batch * p.m + block.column) * p.n + block.row, p.n, c, ld, block.rows, block.columns);
        } else {
          finishBlock(c, ld, block, nullptr, bias, p.relu);
          copyRows(y + (block.batch * p.m + block.row) * p.n + block.column, p.n, c, ld, block.rows, block.columns);
        }
      });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
