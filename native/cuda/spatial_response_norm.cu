// Response normalisation inside a map. A block takes a tile of 32×32 elements: their terms and the window's margin go to shared memory
// once, are added up along the rows and then down the columns, 2·size additions an element instead of size². 8 bytes moved an element
// forward; the gradient does it twice, for the denominators and for the sum over the elements whose window holds this one, 28 bytes.
#include "cuda/kernels.h"
#include "cuda/response.cuh"

namespace convtape::CONVTAPE_GPU {
namespace {

constexpr int kTile = 32, kTileRows = kThreads / kTile;
constexpr size_t kMostShared = 48 << 10;

// A plane, and how far windows reach from an element, cut down to what the plane has.
struct Box {
  int64_t planes, height, width;
  int64_t up, down, left, right;

  Box(const SpatialResponseNorm::Params& p, bool mirrored) : planes(p.planes), height(p.height), width(p.width) {
    const int64_t before = p.size / 2, after = p.size - 1 - p.size / 2, low = mirrored ? after : before, high = mirrored ? before : after;
    up = low < height ? low : height - 1;
    down = high < height ? high : height - 1;
    left = low < width ? low : width - 1;
    right = high < width ? high : width - 1;
  }
  int64_t tilesDown() const { return (height + kTile - 1) / kTile; }
  int64_t tilesAcross() const { return (width + kTile - 1) / kTile; }
  size_t sharedBytes() const {
    if (up + down + left + right > 256) return SIZE_MAX;
    return static_cast<size_t>((kTile + up + down) * (kTile + left + right + kTile)) * sizeof(float);
  }
};

// Stage: float term(int64_t i), what is added up; void finish(int64_t i, float sum), what becomes of it.
template <class Stage>
__global__ void __launch_bounds__(kThreads) tileKernel(Box b, int64_t tilesDown, int64_t tilesAcross, Stage stage) {
  CONVTAPE_SHARED(float, terms);  // (kTile + up + down, kTile + left + right), then sums (kTile + up + down, kTile)
  const int rows = static_cast<int>(kTile + b.up + b.down), columns = static_cast<int>(kTile + b.left + b.right);
  const int across = static_cast<int>(b.left + b.right) + 1, along = static_cast<int>(b.up + b.down) + 1;
  float* const sums = terms + rows * columns;  // (kTile + up + down, kTile)
  const int x = static_cast<int>(threadIdx.x) % kTile, y = static_cast<int>(threadIdx.x) / kTile;
  for (int64_t u = blockIdx.x; u < b.planes * tilesDown * tilesAcross; u += gridDim.x) {
    const int64_t plane = u / tilesAcross / tilesDown, top = u / tilesAcross % tilesDown * kTile, left = u % tilesAcross * kTile;
    const int64_t base = plane * b.height * b.width;
    for (int r = y; r < rows; r += kTileRows)
      for (int c = x; c < columns; c += kTile) {
        const int64_t h = top - b.up + r, w = left - b.left + c;
        terms[r * columns + c] = h >= 0 && h < b.height && w >= 0 && w < b.width ? stage.term(base + h * b.width + w) : 0.0f;
      }
    __syncthreads();
    for (int r = y; r < rows; r += kTileRows) {
      float sum = 0;
      for (int c = 0; c < across; ++c) sum += terms[r * columns + x + c];
      sums[r * kTile + x] = sum;
    }
    __syncthreads();
    for (int r = y; r < kTile; r += kTileRows) {
      const int64_t h = top + r, w = left + x;
      if (h >= b.height || w >= b.width) continue;
      float sum = 0;
      for (int d = 0; d < along; ++d) sum += sums[(r + d) * kTile + x];
      stage.finish(base + h * b.width + w, sum);
    }
    __syncthreads();
  }
}

// Windows whose margins are too large for shared memory.
template <class Stage>
__global__ void __launch_bounds__(kThreads) directKernel(Box b, Stage stage) {
  for (int64_t i = globalThread(); i < b.planes * b.height * b.width; i += gridThreads()) {
    const int64_t h = i / b.width % b.height, w = i % b.width;
    const int64_t top = h < b.up ? -h : -b.up, bottom = b.height - 1 - h < b.down ? b.height - 1 - h : b.down;
    const int64_t left = w < b.left ? -w : -b.left, right = b.width - 1 - w < b.right ? b.width - 1 - w : b.right;
    float sum = 0;
    for (int64_t r = top; r <= bottom; ++r) {
      float rowSum = 0;
      for (int64_t c = left; c <= right; ++c) rowSum += stage.term(i + r * b.width + c);
      sum += rowSum;
    }
    stage.finish(i, sum);
  }
}

template <class Beta>
struct Forward {
  const float* x;  // (planes, height, width)
  float* y;        // as x
  float alpha, k;
  Beta beta;
  __device__ float term(int64_t i) const { return x[i] * x[i]; }
  __device__ void finish(int64_t i, float sum) const { y[i] = x[i] * beta.power(fmaf(alpha, sum, k)); }
};

// dy·s^−beta and dy·x·s^−(beta+1)
template <class Beta>
struct Terms {
  const float *dy, *x;    // (planes, height, width)
  float *shares, *terms;  // as dy
  float alpha, k;
  Beta beta;
  __device__ float term(int64_t i) const { return x[i] * x[i]; }
  __device__ void finish(int64_t i, float sum) const {
    float next;
    const float power = beta.powers(fmaf(alpha, sum, k), &next);
    shares[i] = dy[i] * power;
    terms[i] = dy[i] * x[i] * next;
  }
};

struct Gradient {
  const float *x, *terms;  // (planes, height, width)
  float* dx;               // as x; the shares before
  float factor;
  __device__ float term(int64_t i) const { return terms[i]; }
  __device__ void finish(int64_t i, float sum) const { dx[i] = fmaf(x[i] * factor, sum, dx[i]); }
};

template <class Stage>
void forWindows(const char* name, const SpatialResponseNorm::Params& p, bool mirrored, Stage stage, Context& context) {
  const Box box(p, mirrored);
  const int64_t tiles = p.planes * box.tilesDown() * box.tilesAcross(), most = int64_t{1} << 20;
  if (box.sharedBytes() <= kMostShared)
    context.launch(name, tileKernel<Stage>, dim3(static_cast<unsigned>(tiles < most ? tiles : most)), kThreads, box.sharedBytes(), box,
                   box.tilesDown(), box.tilesAcross(), stage);
  else
    context.launch(name, directKernel<Stage>, gridFor(p.planes * p.height * p.width, context.multiprocessors), kThreads, 0, box, stage);
}

}  // namespace

void run(const SpatialResponseNorm::Params& p, const Operands& o, Context& context) {
  if (p.planes * p.height * p.width == 0) return;
  withBeta(p.beta, [&](auto beta) {
    const Forward<decltype(beta)> stage{o.in[0].f32(), o.out[0].f32(), p.alpha, p.k, beta};
    forWindows("spatialResponseNorm", p, false, stage, context);
  });
}

void run(const SpatialResponseNormGrad::Params& p, const Operands& o, Context& context) {
  const int64_t count = p.planes * p.height * p.width;
  if (count == 0) return;
  const float *dy = o.in[0].f32(), *x = o.in[1].f32();                                      // (planes, height, width)
  float *dx = o.out[0].f32(), *terms = context.scratch<float>(static_cast<size_t>(count));  // as x
  withBeta(p.beta, [&](auto beta) {
    const Terms<decltype(beta)> stage{dy, x, dx, terms, p.alpha, p.k, beta};
    forWindows("spatialResponseNormGrad terms", p, false, stage, context);
  });
  forWindows("spatialResponseNormGrad", p, true, Gradient{x, terms, dx, -2.0f * p.alpha * p.beta}, context);
}

}  // namespace convtape::CONVTAPE_GPU
