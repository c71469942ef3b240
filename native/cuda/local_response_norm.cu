// Response normalisation across maps. A thread takes one pixel (four where they are aligned) through a run of channels and keeps the
// window in registers, so an element is read once a run besides the run's margins, which neighbouring blocks have just brought to the
// second-level cache: 8 bytes moved an element forward, 12 backward. The squares of the window are added up anew for every channel:
// a sliding sum would drift. The denominator is made again in the gradient; keeping it would cost 8 bytes more an element.
#include "cuda/kernels.h"
#include "cuda/response.cuh"

namespace convtape::CONVTAPE_GPU {
namespace {

constexpr int kHalf = 2, kWindow = 2 * kHalf + 1;   // the text's window
constexpr int kForwardRun = 16, kBackwardRun = 32;  // channels a thread goes through

// How the work is shared out: unit = (run of channels of a group of an image, group of kWidth pixels).
template <class Index>
struct Runs {
  int64_t channels, pixels;  // channels of one group
  Divisor<Index> perGroup, vectors;
  int64_t count;
  int length;
  Runs(const LocalResponseNorm::Params& p, int length, int width)
      : channels(p.channels / p.groups),
        pixels(p.pixels),
        perGroup((channels + length - 1) / length),
        vectors(p.pixels / width),
        count(p.outer * p.groups * ((channels + length - 1) / length) * (p.pixels / width)),
        length(length) {}
};

// Where unit `u` begins: element of (outer·groups, channels, pixels) of the group's first channel, and the run's channels.
template <class Index>
__device__ __forceinline__ int64_t locate(const Runs<Index>& runs, int64_t u, int width, int64_t* first /* (1) */,
                                          int64_t* last /* (1) */) {
  Index pixel, run;
  const Index all = runs.vectors.divide(static_cast<Index>(u), &pixel);
  const int64_t group = runs.perGroup.divide(all, &run);
  *first = static_cast<int64_t>(run) * runs.length;
  *last = *first + runs.length < runs.channels ? *first + runs.length : runs.channels;
  return group * runs.channels * runs.pixels + static_cast<int64_t>(pixel) * width;
}

template <int kWidth, class Index>
__device__ __forceinline__ Pack<float, kWidth> channel(const float* x /* (channels, pixels) */, const Runs<Index>& runs, int64_t c) {
  if (c >= 0 && c < runs.channels) return loadPack<kWidth>(x + c * runs.pixels);
  return Pack<float, kWidth>{};  // zeros add nothing
}

template <int kWidth, class Index, class Beta>
__global__ void __launch_bounds__(kThreads, 4) lrnKernel(const float* __restrict__ x,  // (outer·groups, channels, pixels)
                                                         float* __restrict__ y,        // as x
                                                         Runs<Index> runs, float alpha, float k, Beta beta) {
  for (int64_t u = globalThread(); u < runs.count; u += gridThreads()) {
    int64_t first, last;
    const int64_t base = locate(runs, u, kWidth, &first, &last);
    const float* from = x + base;         // (channels, pixels), from the unit's first pixel on
    Pack<float, kWidth> window[kWindow];  // channels c − kHalf … c + kHalf
    CONVTAPE_UNROLL
    for (int i = 1; i < kWindow; ++i) window[i] = channel<kWidth>(from, runs, first - kHalf + i - 1);
    for (int64_t c = first; c < last; ++c) {
      CONVTAPE_UNROLL
      for (int i = 0; i < kWindow - 1; ++i) window[i] = window[i + 1];
      window[kWindow - 1] = channel<kWidth>(from, runs, c + kHalf);
      Pack<float, kWidth> out;
      CONVTAPE_UNROLL
      for (int v = 0; v < kWidth; ++v) {
        float sum = 0;
        CONVTAPE_UNROLL
        for (int i = 0; i < kWindow; ++i) sum = fmaf(window[i].v[v], window[i].v[v], sum);
        out.v[v] = window[kHalf].v[v] * beta.power(fmaf(alpha, sum, k));
      }
      storePack(y + base + c * runs.pixels, out);
    }
  }
}

// As dx_c is written, x and dy of channel c + kHalf and s of it are needed, and x of channel c + 2·kHalf.
template <class Index, class Beta>
__global__ void __launch_bounds__(kThreads, 4) lrnGradKernel(const float* __restrict__ dy,  // (outer·groups, channels, pixels)
                                                             const float* __restrict__ x,   // as dy
                                                             float* __restrict__ dx,        // as dy
                                                             Runs<Index> runs, float alpha, float k, float factor, Beta beta) {
  for (int64_t u = globalThread(); u < runs.count; u += gridThreads()) {
    int64_t first, last;
    const int64_t base = locate(runs, u, 1, &first, &last);
    const float *from = x + base, *given = dy + base;  // (channels, pixels), from the unit's pixel on
    float window[kWindow];                             // x of channels j − kHalf … j + kHalf, j the one whose term is made
    float terms[kWindow];                              // dy·x·s^−(beta+1) of channels j − 2·kHalf … j
    float shares[kHalf + 1];                           // dy·s^−beta of channels j − kHalf … j
    CONVTAPE_UNROLL
    for (int i = 0; i < kWindow; ++i) terms[i] = 0;
    CONVTAPE_UNROLL
    for (int i = 0; i <= kHalf; ++i) shares[i] = 0;
    CONVTAPE_UNROLL
    for (int i = 1; i < kWindow; ++i) window[i] = channel<1>(from, runs, first - 2 * kHalf + i - 1).v[0];
    for (int64_t j = first - kHalf; j < last + kHalf; ++j) {
      CONVTAPE_UNROLL
      for (int i = 0; i < kWindow - 1; ++i) {
        window[i] = window[i + 1];
        terms[i] = terms[i + 1];
      }
      CONVTAPE_UNROLL
      for (int i = 0; i < kHalf; ++i) shares[i] = shares[i + 1];
      window[kWindow - 1] = channel<1>(from, runs, j + kHalf).v[0];
      terms[kWindow - 1] = 0;
      if (j >= 0 && j < runs.channels) {
        float sum = 0, next;
        CONVTAPE_UNROLL
        for (int i = 0; i < kWindow; ++i) sum = fmaf(window[i], window[i], sum);
        const float power = beta.powers(fmaf(alpha, sum, k), &next), d = given[j * runs.pixels];
        shares[kHalf] = d * power;
        terms[kWindow - 1] = d * window[kHalf] * next;
      }
      const int64_t c = j - kHalf;
      if (c < first) continue;
      float sum = 0;
      CONVTAPE_UNROLL
      for (int i = 0; i < kWindow; ++i) sum += terms[i];
      dx[base + c * runs.pixels] = fmaf(window[0] * factor, sum, shares[0]);
    }
  }
}

// Any window: an element a thread, neighbours from the caches.
template <class Index>
struct Place {
  Divisor<Index> divideChannels, dividePixels;
  int64_t channels, pixels, half;
  // Channels of the window of element i, as [*first, *last) from its own.
  __device__ __forceinline__ void window(int64_t i, int64_t* first /* (1) */, int64_t* last /* (1) */) const {
    Index own;
    divideChannels.divide(dividePixels.divide(static_cast<Index>(i)), &own);
    const int64_t c = own;
    *first = -(c < half ? c : half);
    *last = (channels - 1 - c < half ? channels - 1 - c : half) + 1;
  }
};

template <class Index>
__device__ __forceinline__ float denominator(const float* x /* (outer·groups, channels, pixels) */, int64_t i, const Place<Index>& p,
                                             float alpha, float k) {
  int64_t first, last;
  p.window(i, &first, &last);
  float sum = 0;
  for (int64_t j = first; j < last; ++j) sum = fmaf(x[i + j * p.pixels], x[i + j * p.pixels], sum);
  return fmaf(alpha, sum, k);
}

template <class Index, class Beta>
__global__ void __launch_bounds__(kThreads) lrnAny(const float* __restrict__ x,  // (outer·groups, channels, pixels)
                                                   float* __restrict__ y,        // as x
                                                   int64_t count, Place<Index> p, float alpha, float k, Beta beta) {
  for (int64_t i = globalThread(); i < count; i += gridThreads()) y[i] = x[i] * beta.power(denominator(x, i, p, alpha, k));
}

template <class Index, class Beta>
__global__ void __launch_bounds__(kThreads) lrnGradTerms(const float* __restrict__ dy,  // (outer·groups, channels, pixels)
                                                         const float* __restrict__ x,   // as dy
                                                         float* __restrict__ shares,    // as dy
                                                         float* __restrict__ terms,     // as dy
                                                         int64_t count, Place<Index> p, float alpha, float k, Beta beta) {
  for (int64_t i = globalThread(); i < count; i += gridThreads()) {
    float next;
    const float power = beta.powers(denominator(x, i, p, alpha, k), &next);
    shares[i] = dy[i] * power;
    terms[i] = dy[i] * x[i] * next;
  }
}

template <class Index>
__global__ void __launch_bounds__(kThreads) lrnGradSum(const float* __restrict__ x,      // (outer·groups, channels, pixels)
                                                       const float* __restrict__ terms,  // as x
                                                       float* __restrict__ dx,           // as x; the shares before
                                                       int64_t count, Place<Index> p, float factor) {
  for (int64_t i = globalThread(); i < count; i += gridThreads()) {
    int64_t first, last;
    p.window(i, &first, &last);
    float sum = 0;
    for (int64_t j = first; j < last; ++j) sum += terms[i + j * p.pixels];
    dx[i] = fmaf(x[i] * factor, sum, dx[i]);
  }
}

template <class Index>
Place<Index> placeOf(const LocalResponseNorm::Params& p) {
  const int64_t channels = p.channels / p.groups;
  return {Divisor<Index>(channels), Divisor<Index>(p.pixels), channels, p.pixels, p.size / 2 < channels ? p.size / 2 : channels};
}

}  // namespace

void run(const LocalResponseNorm::Params& p, const Operands& o, Context& context) {
  const int64_t count = p.outer * p.channels * p.pixels;
  if (count == 0) return;
  const float* x = o.in[0].f32();  // (outer, channels, pixels)
  float* y = o.out[0].f32();       // as x
  const bool fours = p.pixels % 4 == 0 && aligned(x, 16) && aligned(y, 16);
  withIndex(count, [&](auto index) {
    withBeta(p.beta, [&](auto beta) {
      using Index = decltype(index);
      using Beta = decltype(beta);
      if (p.size / 2 != kHalf) {
        context.launch("localResponseNorm", lrnAny<Index, Beta>, gridFor(count, context.multiprocessors), kThreads, 0, x, y, count,
                       placeOf<Index>(p), p.alpha, p.k, beta);
        return;
      }
      const Runs<Index> runs(p, kForwardRun, fours ? 4 : 1);
      context.launch("localResponseNorm", fours ? lrnKernel<4, Index, Beta> : lrnKernel<1, Index, Beta>,
                     gridFor(runs.count, context.multiprocessors), kThreads, 0, x, y, runs, p.alpha, p.k, beta);
    });
  });
}

void run(const LocalResponseNormGrad::Params& p, const Operands& o, Context& context) {
  const int64_t count = p.outer * p.channels * p.pixels;
  if (count == 0) return;
  const float *dy = o.in[0].f32(), *x = o.in[1].f32();  // (outer, channels, pixels)
  float* dx = o.out[0].f32();                           // as x
  const float factor = -2.0f * p.alpha * p.beta;
  const bool inRegisters = p.size / 2 == kHalf;
  float* terms = inRegisters ? nullptr : context.scratch<float>(static_cast<size_t>(count));  // as x
  const unsigned grid = gridFor(count, context.multiprocessors);
  withIndex(count, [&](auto index) {
    using Index = decltype(index);
    withBeta(p.beta, [&](auto beta) {
      using Beta = decltype(beta);
      if (inRegisters) {
        const Runs<Index> runs(p, kBackwardRun, 1);
        context.launch("localResponseNormGrad", lrnGradKernel<Index, Beta>, gridFor(runs.count, context.multiprocessors), kThreads, 0, dy,
                       x, dx, runs, p.alpha, p.k, factor, beta);
      } else {
        context.launch("localResponseNormGrad terms", lrnGradTerms<Index, Beta>, grid, kThreads, 0, dy, x, dx, terms, count,
                       placeOf<Index>(p), p.alpha, p.k, beta);
      }
    });
    if (!inRegisters)
      context.launch("localResponseNormGrad", lrnGradSum<Index>, grid, kThreads, 0, x, static_cast<const float*>(terms), dx, count,
                     placeOf<Index>(p), factor);
  });
}

}  // namespace convtape::CONVTAPE_GPU
