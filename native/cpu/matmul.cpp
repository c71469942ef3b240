#include "cpu/few_rows.h"
#include "cpu/pack.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

// Element (i, j) at [i·row + j·column] of `data`, or of `half` where the matrix is bf16; one of the two strides is 1.
struct Matrix {
  const float* data;
  int64_t row, column, batch;
  const Bf16* half = nullptr;

  Matrix transposed() const { return {data, column, row, batch, half}; }
  int64_t at(int64_t b, int64_t i, int64_t j) const { return b * batch + i * row + j * column; }
};

constexpr int64_t kCopyRows = 72;  // rows of A transposed at once
constexpr int64_t kCopyStride = kMostDepth + 16;
constexpr int64_t kCopy = kCopyRows * kCopyStride;

// Adds a bias that belongs to the rows of c or to its columns, and applies relu.
void activate(float* c, int64_t ld, const Block& block, const float* ofRows, const float* ofColumns, bool relu) {
  if (!ofRows && !ofColumns && !relu) return;
  for (int64_t i = 0; i < block.rows; ++i, c += ld) {
    const float b = ofRows ? ofRows[block.row + i] : 0;
    for (int64_t j = 0; j < block.columns; ++j) {
      const float v = c[j] + (ofColumns ? ofColumns[block.column + j] : b);
      c[j] = relu && v < 0 ? 0 : v;
    }
  }
}

// Blocks of a product that needs nothing done to it are computed where they belong.
struct Target {
  bool direct;
  float* y;
  int64_t ld, batch;

  float* operator()(const Block& block, int64_t& ldc) const {
    ldc = ld;
    return y + block.batch * batch + block.row * ld + block.column;
  }
};

// As fast as b, n×k, can be read.
template <class Weight>
void multiplyFew(const Matmul::Params& p, const float* a, const Weight* b, const float* bias, float* y) {
  using Fn = void (*)(const float*, const Weight*, const float*, bool, float*, int64_t, int64_t, int64_t, int64_t);
  static constexpr Fn kFew[] = {&fewRows<1, Weight>, &fewRows<2, Weight>, &fewRows<3, Weight>, &fewRows<4, Weight>};
  const int64_t piece = kMostOutputs * most(1, least(5, (1 << 18) / kMostOutputs / most(1, p.k))), pieces = ceilDiv(p.n, piece);
  parallelRanges(p.batch * pieces, 1, [&](int64_t index, int64_t) {
    const int64_t batch = index / pieces, begin = index % pieces * piece;
    kFew[p.m - 1](a + batch * p.m * p.k, b + batch * p.k * p.n, bias, p.relu, y + batch * p.m * p.n, p.n, p.k, begin,
                  least(begin + piece, p.n));
  });
}

// left · right is y or, where `exchanged`, yᵀ. left alone may be bf16, with rows that are contiguous.
void multiply(const Matmul::Params& p, const Matrix& left, const Matrix& right, bool exchanged, const float* bias, float* y,
              Context& context) {
  const GemmSizes sizes = {p.batch, exchanged ? p.n : p.m, exchanged ? p.m : p.n, p.k};
  const int workers = Pool::instance().workers();
  // A walk down a column of a large matrix would meet the same few cache lines again and again; bf16 is made float32.
  const bool copied = left.half || left.column != 1;
  float* copies = nullptr;
  const Target target = {!exchanged && !bias && !p.relu && p.n % kLanes == 0, y, p.n, p.m * p.n};
  gemm(
      context, sizes, workers, copied ? workers * kCopy : 0, [&](float* memory) { copies = memory; },
      [&](const Block& block, int64_t row, int64_t rows, int64_t k0, int64_t depth, const float** pointers, int32_t* offsets) {
        const int64_t at = left.at(block.batch, row, k0);
        const float* from = left.half ? nullptr : left.data + at;
        int64_t stride = left.row;
        if (copied) {
          float* copy = copies + block.worker * kCopy;
          rows = least(rows, kCopyRows);
          if (left.half)
            copyRows(copy, kCopyStride, left.half + at, left.row, rows, depth);
          else
            copyTransposed(copy, kCopyStride, from, left.column, depth, rows);
          from = copy;
          stride = kCopyStride;
        }
        for (int64_t i = 0; i < rows; ++i) pointers[i] = from + i * stride;
        for (int64_t k = 0; k < depth; ++k) offsets[k] = static_cast<int32_t>(k);
        return rows;
      },
      [&](const PackedB& to, int64_t batch, int64_t column, int64_t columns, int64_t k0, int) {
        const float* from = right.data + right.at(batch, k0, column);
        if (right.column == 1)
          packRows(to, from, right.row, columns);
        else
          packColumns(to, 0, to.depth, from, right.column, columns);
      },
      target,
      [&](float* c, int64_t ld, const Block& block) {
        if (target.direct) return;
        activate(c, ld, block, exchanged ? bias : nullptr, exchanged ? nullptr : bias, p.relu);
        if (exchanged)
          copyTransposed(y + (block.batch * p.m + block.column) * p.n + block.row, p.n, c, ld, block.rows, block.columns);
        else
          copyRows(y + (block.batch * p.m + block.row) * p.n + block.column, p.n, c, ld, block.rows, block.columns);
      });
}

}  // namespace

void run(const Matmul::Params& p, const Operands& o, Context& context) {
  const float* bias = o.in[2] ? o.in[2].f32() : nullptr;
  float* y = o.out[0].f32();
  const bool half = o.in[1].dtype == DType::BF16;
  const Matrix a = {o.in[0].f32(), p.transposeA ? 1 : p.k, p.transposeA ? p.m : 1, p.m * p.k};
  const Matrix b = {half ? nullptr : o.in[1].f32(), p.transposeB ? 1 : p.n, p.transposeB ? p.k : 1, p.k * p.n,
                    half ? o.in[1].bf16() : nullptr};
  if (p.transposeB && !p.transposeA && p.m >= 1 && p.m <= kFewRows)
    return half ? multiplyFew(p, a.data, b.half, bias, y) : multiplyFew(p, a.data, b.data, bias, y);
  // yᵀ = op(b)ᵀ · op(a)ᵀ is the same work with rows and columns exchanged. The rows of a layer's weights are contiguous along k, so they
  // are read where they lie; the other, smaller matrix is the one to be packed.
  if (p.transposeB) return multiply(p, b.transposed(), a.transposed(), true, bias, y, context);
  multiply(p, a, b, false, bias, y, context);
}

}  // namespace convtape::cpu::CONVTAPE_ISA
