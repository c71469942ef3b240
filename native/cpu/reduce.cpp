// Every sum is made in float64 from fixed pieces in a fixed order: the bits depend on the shape alone, not on the number of threads
// or the instruction set.
#include "cpu/kernels.h"
#include "cpu/strided.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

constexpr int64_t kPiece = 1 << 15;  // elements a task adds up
constexpr int kPartials = 32;        // independent partial results along a row
constexpr int64_t kColumns = 128;    // outputs a task keeps at once when it walks down columns

struct SumOf {
  static constexpr double kStart = 0;
  static double join(double a, double b) { return a + b; }
};
struct MaxOf {
  static constexpr double kStart = -__builtin_inf();
  static double join(double a, double b) { return (a > b) | (a != a) ? a : b; }  // NaN where either is
};

// How the walk is cut: a block is `width` neighbouring outputs (1 where rows are added up, kColumns where columns are); the reduced
// indices of a block are cut into `pieces`.
struct Plan {
  Walk<1> kept, reduced;
  int64_t outputs, terms;
  bool columns;
  int64_t width, blocksPerRow, blocks, pieceLength, pieces;

  Plan(const Dims& shape, const Dims& strides, const Dims& reducedShape, const Dims& reducedStrides)
      : kept(makeWalk<1>(shape, {strides})), reduced(makeWalk<1>(reducedShape, {reducedStrides})) {
    outputs = kept.count();
    terms = reduced.count();
    columns = kept.inner() > 1 && kept.innerStride(0) < reduced.innerStride(0);
    width = columns ? (kept.inner() < kColumns ? kept.inner() : kColumns) : 1;
    blocksPerRow = (kept.inner() + width - 1) / width;
    blocks = outputs / kept.inner() * blocksPerRow;
    pieceLength = kPiece / width;
    pieces = (terms + pieceLength - 1) / pieceLength;
  }
  struct Block {
    int64_t output, offset, width;
  };
  Block block(int64_t b) const {
    const int64_t rowIndex = b / blocksPerRow, column = b % blocksPerRow * width;
    const Position<1> at(kept, kept.rank - 1, rowIndex);
    const int64_t left = kept.inner() - column;
    return {rowIndex * kept.inner() + column, at.offset[0] + column * kept.innerStride(0), left < width ? left : width};
  }
  // Blocks or pieces that make one task worth its start.
  int64_t group(int64_t length) const {
    const int64_t cost = length * width;
    return cost >= kPiece ? 1 : kPiece / cost;
  }
};

template <class F>
double addRow(const Plan& plan, const float* x, int64_t begin, int64_t end) {
  if (end - begin < kPartials) {  // too few for partial results of their own
    double sum = F::kStart;
    const int64_t s = plan.reduced.innerStride(0);
    forRows(plan.reduced, begin, end, [&](int64_t, const int64_t* at, int64_t n) {
      for (int64_t i = 0; i < n; ++i) sum = F::join(sum, x[at[0] + i * s]);
    });
    return sum;
  }
  double partials[kPartials];
  for (int l = 0; l < kPartials; ++l) partials[l] = F::kStart;
  const int64_t s = plan.reduced.innerStride(0);
  forRows(plan.reduced, begin, end, [&](int64_t, const int64_t* at, int64_t n) {
    const float* row = x + at[0];
    int64_t i = 0;
    if (s == 1)
      for (; i + kPartials <= n; i += kPartials)
        for (int l = 0; l < kPartials; ++l) partials[l] = F::join(partials[l], row[i + l]);
    for (; i < n; ++i) partials[i % kPartials] = F::join(partials[i % kPartials], row[i * s]);
  });
  for (int half = kPartials / 2; half > 0; half /= 2)
    for (int l = 0; l < half; ++l) partials[l] = F::join(partials[l], partials[l + half]);
  return partials[0];
}

template <class F>
void addColumns(const Plan& plan, const float* x, int64_t width, int64_t begin, int64_t end, double* sums) {
  for (int64_t c = 0; c < width; ++c) sums[c] = F::kStart;
  const int64_t step = plan.reduced.innerStride(0), s = plan.kept.innerStride(0);
  forRows(plan.reduced, begin, end, [&](int64_t, const int64_t* at, int64_t n) {
    const float* row = x + at[0];
    for (int64_t i = 0; i < n; ++i, row += step)
      if (s == 1)
        for (int64_t c = 0; c < width; ++c) sums[c] = F::join(sums[c], row[c]);
      else
        for (int64_t c = 0; c < width; ++c) sums[c] = F::join(sums[c], row[c * s]);
  });
}

template <class F>
void addPiece(const Plan& plan, const float* x, const Plan::Block& block, int64_t piece, double* sums) {
  const int64_t begin = piece * plan.pieceLength;
  const int64_t end = begin + plan.pieceLength < plan.terms ? begin + plan.pieceLength : plan.terms;
  if (plan.columns)
    addColumns<F>(plan, x + block.offset, block.width, begin, end, sums);
  else
    sums[0] = addRow<F>(plan, x + block.offset, begin, end);
}

template <class F>
void reduce(const Reduce::Params& p, const Operands& o, Context& context) {
  const Plan plan(p.shape, p.strides, p.reduced, p.reducedStrides);
  const float* x = o.in[0].f32();
  float* y = o.out[0].f32();
  const double divisor = p.function == Reduction::Mean ? static_cast<double>(plan.terms) : 1;
  if (plan.pieces == 1) {
    parallelRanges(plan.blocks, plan.group(plan.terms), [&](int64_t begin, int64_t end) {
      double sums[kColumns];
      for (int64_t b = begin; b < end; ++b) {
        const Plan::Block block = plan.block(b);
        addPiece<F>(plan, x, block, 0, sums);
        for (int64_t c = 0; c < block.width; ++c) y[block.output + c] = static_cast<float>(sums[c] / divisor);
      }
    });
    return;
  }
  // (pieces, outputs)
  double* partial = static_cast<double*>(context.scratch(static_cast<size_t>(plan.pieces * plan.outputs) * sizeof(double)));
  parallelRanges(plan.blocks * plan.pieces, plan.group(plan.pieceLength), [&](int64_t begin, int64_t end) {
    for (int64_t u = begin; u < end; ++u) {
      const Plan::Block block = plan.block(u / plan.pieces);
      const int64_t piece = u % plan.pieces;
      addPiece<F>(plan, x, block, piece, partial + piece * plan.outputs + block.output);
    }
  });
  parallelRanges(plan.outputs, 1024, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      double sum = partial[i];
      for (int64_t piece = 1; piece < plan.pieces; ++piece) sum = F::join(sum, partial[piece * plan.outputs + i]);
      y[i] = static_cast<float>(sum / divisor);
    }
  });
}

}  // namespace

void run(const Reduce::Params& p, const Operands& o, Context& context) {
  p.function == Reduction::Max ? reduce<MaxOf>(p, o, context) : reduce<SumOf>(p, o, context);
}

void run(const MaxGrad::Params& p, const Operands& o, Context&) {
  const Plan plan(p.shape, p.strides, p.reduced, p.reducedStrides);
  const float *dy = o.in[0].f32(), *x = o.in[1].f32(), *y = o.in[2].f32();
  float* dx = o.out[0].f32();
  const int64_t step = plan.reduced.innerStride(0), s = plan.kept.innerStride(0);
  parallelRanges(plan.blocks, plan.group(plan.terms), [&](int64_t begin, int64_t end) {
    float share[kColumns];
    for (int64_t b = begin; b < end; ++b) {
      const Plan::Block block = plan.block(b);
      int64_t ties[kColumns] = {};
      const auto eachRow = [&](auto&& visit) {
        forRows(plan.reduced, 0, plan.terms, [&](int64_t, const int64_t* at, int64_t n) {
          for (int64_t i = 0; i < n; ++i)
            for (int64_t c = 0; c < block.width; ++c) visit(block.offset + at[0] + i * step + c * s, c);
        });
      };
      const float* top = y + block.output;
      eachRow([&](int64_t at, int64_t c) { ties[c] += x[at] == top[c]; });
      for (int64_t c = 0; c < block.width; ++c) share[c] = dy[block.output + c] / static_cast<float>(ties[c]);
      // 0/0 where the maximum is NaN, which equals nothing: the gradient is NaN, as PyTorch's is.
      eachRow([&](int64_t at, int64_t c) { dx[at] = x[at] == top[c] ? share[c] : ties[c] ? 0 : __builtin_nanf(""); });
    }
  });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
