// Matrix products and convolutions: y(row, column) = Σ_depth a(row, depth) · b(column, depth) over sources of any kind (sources.cuh), then
// bias and ReLU. One kernel: a block computes a tile of y, its operands' tiles streaming through shared memory in stages of asynchronous
// copies; what multiplies them is a template (gemm_core.cuh, gemm_tensor.cuh). docs/cuda-kernels.md has the figures.
#pragma once

#include "core/error.h"
#include "cuda/gemm_core.cuh"
#include "cuda/gemm_tensor.cuh"
#include "cuda/kernels.h"

namespace convtape::CONVTAPE_GPU {

// Where y goes, and what is done to it: y(row, column) is at row·rowStride + image·imageStride + i·lineStride + j·columnStride for column
// number (image, i, j) of images of `pixels` pixels in lines of `width`. A matrix is one image of one line.
struct Target {
  float* y;  // (batch, rows, columns), by the strides
  int64_t rowStride, imageStride, lineStride, columnStride, batchStride;
  Quotient pixels, width;
  const float* bias;  // of a product (rows) where biasOfRows, else (columns), biasBatchStride apart; null where there is none
  int64_t biasBatchStride;
  bool biasOfRows, relu;

  struct Column {
    float* y;  // (rows), rowStride apart; null outside
    float bias;
  };
  __host__ __device__ __forceinline__ void batch(int64_t i) {
    y += i * batchStride;
    if (bias) bias += i * biasBatchStride;
  }
  __device__ __forceinline__ Column column(unsigned index) const {
    unsigned pixel, j;
    const unsigned image = pixels.divide(index, &pixel), i = width.divide(pixel, &j);
    return {y + image * imageStride + i * lineStride + j * columnStride, bias && !biasOfRows ? bias[index] : 0.0f};
  }
  __device__ __forceinline__ void store(unsigned row, const Column& column, float sum) const {
    const float v = sum + (bias && biasOfRows ? bias[row] : column.bias);
    column.y[static_cast<int64_t>(row) * rowStride] = relu && v < 0 ? 0.0f : v;
  }
};

inline Target matrixTarget(float* y /* (batch, rows, columns) */, int64_t rows, int64_t columns) {
  Target t = {};
  t.y = y;
  t.rowStride = columns;
  t.columnStride = 1;
  t.batchStride = rows * columns;
  t.pixels = t.width = Quotient(columns);
  return t;
}

// `batch` products, one behind the other. The depth is cut into `splits` parts of splitDepth; where there are several, their sums go to
// `parts` and sumParts adds them, in order.
template <class A, class B>
struct Product {
  A a;
  B b;
  Target target;
  unsigned rows, columns, depth;
  unsigned batch = 1, splits = 1, splitDepth = 0;
  float* parts = nullptr;  // (splits, batch, rows, columns)
};

// Blocks are numbered row tile by row tile, so that blocks which run together share columns of b, the larger operand of a convolution.
template <class Math, class A, class B>
__global__ void __launch_bounds__(Math::kThreads, Math::kBlocks) multiply(Product<A, B> p) {
  using TileA = typename Math::template TileA<A>;
  using TileB = typename Math::template TileB<B>;
  constexpr int kStages = Math::kStages, kStage = TileA::floats + TileB::floats;
  CONVTAPE_SHARED(float, shared);  // (kStages, kStage): of each stage TileA, then TileB
  const unsigned rowTiles = (p.rows + Math::kM - 1) / Math::kM, columnTiles = (p.columns + Math::kN - 1) / Math::kN;
  unsigned index = blockIdx.x;
  const unsigned firstRow = index % rowTiles * Math::kM;
  index /= rowTiles;
  const unsigned firstColumn = index % columnTiles * Math::kN;
  index /= columnTiles;
  const unsigned split = index % p.splits, batch = index / p.splits;
  p.a.batch(batch);
  p.b.batch(batch);
  const unsigned firstDepth = split * p.splitDepth, endDepth = min(p.depth, firstDepth + p.splitDepth);
  const int steps = static_cast<int>((endDepth - firstDepth + Math::kDepth - 1) / Math::kDepth);

  auto copy = [&](int step) {
    if (step < steps) {
      float* stage = shared + step % kStages * kStage;  // TileA, then TileB
      const unsigned depth = firstDepth + static_cast<unsigned>(step) * Math::kDepth;
      copyTile<TileA, Math::kThreads>(stage, p.a, firstRow, p.rows, depth, endDepth);
      copyTile<TileB, Math::kThreads>(stage + TileA::floats, p.b, firstColumn, p.columns, depth, endDepth);
    }
    commitCopies();  // also where nothing was copied: the wait below counts groups
  };
  Math math;
  for (int step = 0; step < kStages - 1; ++step) copy(step);
  for (int step = 0; step < steps; ++step) {
    waitForCopies<kStages - 2>();  // this step's tiles have arrived, as far as this thread copied them
    __syncthreads();               // and the others did; and all have finished with the stage that is filled next
    copy(step + kStages - 1);
    const float* stage = shared + step % kStages * kStage;  // TileA, then TileB
    math.template add<A, B>(stage, stage + TileA::floats);
  }

  if (p.splits > 1) {
    // (rows, columns)
    float* part = p.parts + (static_cast<int64_t>(split) * p.batch + batch) * p.rows * p.columns;
    math.outputs([&](int column) { return firstColumn + static_cast<unsigned>(column); },
                 [&](int row, unsigned column, float sum) {
                   const unsigned r = firstRow + static_cast<unsigned>(row);
                   if (r < p.rows && column < p.columns) part[static_cast<int64_t>(r) * p.columns + column] = sum;
                 });
    return;
  }
  p.target.batch(batch);
  math.outputs(
      [&](int column) {
        const unsigned c = firstColumn + static_cast<unsigned>(column);
        return c < p.columns ? p.target.column(c) : Target::Column{nullptr, 0};
      },
      [&](int row, const Target::Column& column, float sum) {
        const unsigned r = firstRow + static_cast<unsigned>(row);
        if (r < p.rows && column.y) p.target.store(r, column, sum);
      });
}

// How deep the parts are that the depth is cut into: so that a large card is busy, by the sizes alone so that every card gives the same
// bits, and no part is empty.
inline int64_t partDepthOf(int64_t rows, int64_t columns, int64_t depth, int64_t batch) {
  constexpr int64_t kBusy = 512, kLeastDepth = 512, kUnit = 64;
  const int64_t tiles = ((rows + 63) / 64) * ((columns + 63) / 64) * batch, wanted = kBusy / tiles, most = depth / kLeastDepth;
  const int64_t parts = wanted < most ? wanted : most;
  return parts > 1 ? ((depth - 1) / parts / kUnit + 1) * kUnit : depth;
}

// What computes a product here. Float32 where nothing else was asked for: on cards whose tensor cores are more than three times as fast
// as their float32 units, those of data centres, by three tf32 products; else by float32 units.
enum class Arithmetic { Core, Tf32x3, Tf32, Bf16 };

inline bool usesTf32x3(int capability) { return capability == 80 || capability == 90 || capability == 100 || capability == 103; }

// Which of the architectures these files were compiled for a card runs: the newest that is not newer than the card.
inline int compiledFor(int capability) {
#ifdef __CUDA_ARCH_LIST__
  constexpr int kList[] = {__CUDA_ARCH_LIST__};
  int best = 0;
  for (const int architecture : kList)
    if (architecture <= 10 * capability && architecture > 10 * best) best = architecture / 10;
  return best;
#else
  return capability;
#endif
}

inline Arithmetic arithmeticOf(const Context& context) {
  const int code = compiledFor(context.capability);
  if (code < 80) return Arithmetic::Core;
  if (context.precision == Precision::Tf32) return Arithmetic::Tf32;
  if (context.precision == Precision::Bf16) return Arithmetic::Bf16;
  return usesTf32x3(context.capability) && usesTf32x3(code) ? Arithmetic::Tf32x3 : Arithmetic::Core;
}

template <class Math, class A, class B>
void launchTiles(Context& context, const char* name, const Product<A, B>& p) {
  constexpr size_t kShared = Math::kStages * (Math::template TileA<A>::floats + Math::template TileB<B>::floats) * sizeof(float);
  const unsigned rowTiles = (p.rows - 1) / Math::kM + 1, columnTiles = (p.columns - 1) / Math::kN + 1;
  context.launch(name, multiply<Math, A, B>, dim3(rowTiles * columnTiles * p.splits * p.batch), dim3(Math::kThreads), kShared, p);
}

// Tiles of 128×128 outputs reuse what they read twice as often as those of 64×64; but small ones waste less at edges and are more.
template <class A, class B>
void launchCore(Context& context, const char* name, const Product<A, B>& p) {
  auto tiles = [&](int64_t size) { return ((p.rows - 1) / size + 1) * ((p.columns - 1) / size + 1); };
  const int64_t large = tiles(128), small = tiles(64);
  if (16 * large <= 5 * small && large * p.splits * p.batch >= context.multiprocessors)
    launchTiles<Core<128, 128, 8>>(context, name, p);
  else
    launchTiles<Core<64, 64, 4>>(context, name, p);
}

// Queues parts[0] + parts[1] + … to the target; gemm.cu.
void addParts(Context& context, const float* parts /* (splits, batch, rows, columns) */, const Target& target, unsigned splits,
              unsigned batch, unsigned rows, unsigned columns);

// Queues `batch` products of rows × depth by columns × depth.
template <class A, class B>
void product(Context& context, const char* name, const A& a, const B& b, const Target& target, int64_t batch, int64_t rows, int64_t columns,
             int64_t depth) {
  if (batch == 0 || rows == 0 || columns == 0) return;
  // Indices along one dimension have 31 bits (places in memory have 64), and a launch has at most 2^31 − 1 blocks.
  constexpr int64_t kMost = 0x7fffffff;
  const int64_t longest = rows > columns ? rows : columns;
  if ((longest > depth ? longest : depth) > kMost)
    failf(ErrorKind::Range, context.op,
          "a product of %lld rows, %lld columns and depth %lld: the GPU kernels take at most 2147483647 of each",
          static_cast<long long>(rows), static_cast<long long>(columns), static_cast<long long>(depth));
  const int64_t partDepth = partDepthOf(rows, columns, depth, batch), splits = depth > partDepth ? (depth - 1) / partDepth + 1 : 1;
  const int64_t tiles = ((rows + 63) / 64) * ((columns + 63) / 64) * splits;
  if (tiles > kMost)
    failf(ErrorKind::Range, context.op, "an output of %lld by %lld is more than one launch can compute", static_cast<long long>(rows),
          static_cast<long long>(columns));
  Product<A, B> p;
  p.a = a;
  p.b = b;
  p.target = target;
  p.rows = static_cast<unsigned>(rows);
  p.columns = static_cast<unsigned>(columns);
  p.depth = static_cast<unsigned>(depth);
  p.splits = static_cast<unsigned>(splits);
  p.splitDepth = static_cast<unsigned>(partDepth);
  for (int64_t first = 0; first < batch; first += kMost / tiles) {
    const int64_t rest = batch - first;
    Product<A, B> some = p;
    some.batch = static_cast<unsigned>(rest < kMost / tiles ? rest : kMost / tiles);
    some.a.batch(first);
    some.b.batch(first);
    some.target.batch(first);
    if (splits > 1) some.parts = context.scratch<float>(static_cast<size_t>(splits * some.batch * rows * columns));
    switch (arithmeticOf(context)) {
      case Arithmetic::Core:
        launchCore(context, name, some);
        break;
      case Arithmetic::Tf32x3:
        launchTiles<Tensor<Rounding::Tf32x3>>(context, name, some);
        break;
      case Arithmetic::Tf32:
        launchTiles<Tensor<Rounding::Tf32>>(context, name, some);
        break;
      case Arithmetic::Bf16:
        launchTiles<Tensor<Rounding::Bf16>>(context, name, some);
        break;
    }
    if (splits > 1) addParts(context, some.parts, some.target, some.splits, some.batch, some.rows, some.columns);
  }
}

}  // namespace convtape::CONVTAPE_GPU
