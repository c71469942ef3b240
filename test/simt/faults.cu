// Kernels with a fault to plant: each is the right one where `fault` is false. test/simt/faults.cpp runs them.
#include "cuda/mma.cuh"
#include "simt/faults.h"

namespace {

__global__ void reverse(const float* x, float* y, bool fault) {
  CONVTAPE_SHARED(float, tile);
  const unsigned t = threadIdx.x;
  tile[t] = x[t];
  if (!fault) __syncthreads();  // missing barrier
  y[t] = tile[blockDim.x - 1 - t];
}

__global__ void trailing(const float* x, float* y, bool fault) {
  CONVTAPE_SHARED(float, tile);
  const unsigned t = threadIdx.x;
  float sum = 0;
  for (int round = 0; round < 2; ++round) {
    tile[t] = x[t] + static_cast<float>(round);
    __syncthreads();
    sum += tile[blockDim.x - 1 - t];
    if (!fault) __syncthreads();  // missing trailing barrier
  }
  y[t] = sum;
}

__global__ void divergent(const float* x, float* y, bool fault) {
  CONVTAPE_SHARED(float, tile);
  const unsigned t = threadIdx.x;
  tile[t] = x[t];
  if (fault && t < 16) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  y[t] = tile[blockDim.x - 1 - t];
}

__global__ void earlyExit(const float* x, float* y, bool fault) {
  CONVTAPE_SHARED(float, tile);
  const unsigned t = threadIdx.x;
  if (fault && t == 3) return;
  tile[t] = x[t];
  __syncthreads();
  y[t] = tile[blockDim.x - 1 - t];
}

// A barrier that also counts: two of them, where there should be one.
__global__ void divergentVote(const float* x, float* y, bool fault) {
  const unsigned t = threadIdx.x;
  if (fault && t % 2)
    y[t] = static_cast<float>(__syncthreads_count(x[t] > 0));
  else
    y[t] = static_cast<float>(__syncthreads_count(x[t] > 0));
}

__global__ void barrierBesideShuffle(const float* x, float* y, bool fault) {
  const unsigned t = threadIdx.x;
  y[t] = 0;
  if (fault && t < 16)
    __syncthreads();
  else
    y[t] = __shfl_xor_sync(0xffffffffu, x[t], 1);
}

__global__ void laneExit(const float* x, float* y, bool fault) {
  const unsigned t = threadIdx.x;
  if (fault && t % 32 == 5) return;
  y[t] = __shfl_xor_sync(0xffffffffu, x[t], 31);
}

__global__ void foreignMask(const float* x, float* y, bool fault) {
  const unsigned t = threadIdx.x;
  y[t] = t % 32 < 16 ? __shfl_xor_sync(fault ? 0xffff0000u : 0x0000ffffu, x[t], 1) : x[t];
}

__global__ void foreignSource(const float* x, float* y, bool fault) {
  const unsigned t = threadIdx.x;
  y[t] = t % 32 < 16 ? __shfl_xor_sync(0x0000ffffu, x[t], fault ? 16 : 1) : x[t];
}

// Run by 48 threads: the second warp has half its lanes.
__global__ void missingLane(const float* x, float* y, bool fault) {
  const unsigned t = threadIdx.x;
  if (t >= 32) y[t] = static_cast<float>(__ballot_sync(fault ? 0x0001ffffu : 0x0000ffffu, x[t] > 0));
}

__global__ void unequalMasks(const float* x, float* y, bool fault) {
  const unsigned t = threadIdx.x;
  y[t] = __shfl_xor_sync(fault && t % 32 >= 16 ? 0xffff0000u : 0xffffffffu, x[t], 1);
}

// Lanes of a warp at different places of the text, each of them a shuffle of all lanes.
__global__ void divergentWarp(const float* x, float* y, bool fault) {
  const unsigned t = threadIdx.x;
  if (fault && t % 2)
    y[t] = __shfl_xor_sync(0xffffffffu, x[t], 1);
  else
    y[t] = __shfl_xor_sync(0xffffffffu, x[t], 1);
}

__global__ void outOfBounds(const float* x, float* y, bool fault) {
  const unsigned t = threadIdx.x;
  y[t] = x[fault && t == 7 ? blockDim.x : t];
}

__global__ void outOfBoundsWrite(const float* x, float* y, bool fault) {
  const unsigned t = threadIdx.x;
  y[fault && t == 7 ? 2 * blockDim.x : t] = x[t];
}

__global__ void sharedOverrun(const float* x, float* y, bool fault) {
  CONVTAPE_SHARED(float, tile);
  const unsigned t = threadIdx.x;
  tile[fault && t == 9 ? blockDim.x : t] = x[t];
  __syncthreads();
  y[t] = tile[fault && t == 9 ? 0 : t];
}

__global__ void sharedOverread(const float* x, float* y, bool fault) {
  CONVTAPE_SHARED(float, tile);
  const unsigned t = threadIdx.x;
  tile[t] = x[t];
  __syncthreads();
  y[t] = tile[fault && t == 9 ? blockDim.x : t];
}

__global__ void uninitialisedShared(const float* x, float* y, bool fault) {
  CONVTAPE_SHARED(float, tile);
  const unsigned t = threadIdx.x;
  if (!(fault && t == 0)) tile[t] = x[t];
  __syncthreads();
  y[t] = tile[blockDim.x - 1 - t];
}

__global__ void uninitialisedGlobal(const float* x, float* y, bool fault) {
  const unsigned t = threadIdx.x;
  y[t] = fault && t == 11 ? y[t + blockDim.x] : x[t];
}

// Threads of one warp exchange values through shared memory; a shuffle in the barrier's place does not order that.
__global__ void withinWarp(const float* x, float* y, int fault) {
  CONVTAPE_SHARED(float, tile);
  const unsigned t = threadIdx.x;
  tile[t] = 0;
  __syncthreads();
  tile[t] = x[t];
  if (fault == 0) __syncwarp();
  const float shuffled = fault == 2 ? __shfl_xor_sync(0xffffffffu, x[t], 1) : 0.0f;
  y[t] = tile[t ^ 1u] + shuffled;
}

__global__ void throughGlobal(const float* x, float* y, bool fault) {
  const unsigned t = threadIdx.x;
  y[t] = 0;
  __syncthreads();
  y[t] = x[t];
  if (!fault) __syncthreads();
  y[blockDim.x + t] = y[blockDim.x - 1 - t];
}

__global__ void atomicAndPlain(const float* x, float* y, bool fault) {
  CONVTAPE_SHARED(int, count);
  const unsigned t = threadIdx.x;
  if (t == 0) count[0] = 0;
  __syncthreads();
  atomicAdd(&count[0], x[t] > 0);
  if (!fault) __syncthreads();
  y[t] = static_cast<float>(count[0]);
}

__global__ void betweenBlocks(const float* x, float* y, bool fault) {
  const unsigned t = threadIdx.x;
  y[fault ? t : t + blockIdx.x * blockDim.x] = x[t];
}

__global__ void asynchronous(const float* x, float* y, int fault) {
  CONVTAPE_SHARED(float, tile);
  const unsigned t = threadIdx.x;
  float sum = 0;
  for (int round = 0; round < 2; ++round) {
    simt::asyncCopy(&tile[t], &x[t], 4, 4);
    simt::asyncCommit();
    if (fault == 3) tile[t] = 0;         // while the copy may be on its way
    if (fault != 1) simt::asyncWait(0);  // missing wait
    __syncthreads();
    sum += tile[blockDim.x - 1 - t];
    if (fault != 2) __syncthreads();  // missing trailing barrier
  }
  if (fault == 4) simt::asyncCopy(&tile[t], &x[t], 4, 4);  // never waited for
  y[t] = sum;
}

__global__ void asynchronousOfFour(const float* x, float* y, bool fault) {
  CONVTAPE_SHARED(float, tile);
  const unsigned t = threadIdx.x;
  if (4 * t + 4 < blockDim.x) simt::asyncCopy(&tile[4 * t + (fault ? 1 : 0)], &x[4 * t], 16, 16);
  simt::asyncCommit();
  simt::asyncWait(0);
  __syncthreads();
  y[t] = tile[t % (blockDim.x - 4)];
}

// y (16×8) = a·b on tensor cores, a's and b's elements placed as the PTX ISA's figures have them ("groupID", "threadID_in_group"). Their
// values, small integers that every one is told apart by, are x's and the place's.
__global__ void tf32Product(const float* x, float* y, int fault) {
  const int lane = static_cast<int>(threadIdx.x), group = lane >> 2, inGroup = lane % 4;
  if (lane >= 32) return;
  uint32_t a[4], b[2];
  for (int i = 0; i < 4; ++i) {
    const int row = i == 0 || i == 2 ? group : group + 8, column = i < 2 ? inGroup : inGroup + 4;
    a[i] = convtape::CONVTAPE_GPU::toTf32(x[0] * static_cast<float>(elementOfA(row, column)));
  }
  for (int i = 0; i < 2; ++i) b[i] = convtape::CONVTAPE_GPU::toTf32(static_cast<float>(elementOfB(inGroup + 4 * i, group)));
  if (fault == 1) a[0] = __float_as_uint(0.1f);  // not rounded
  if (fault == 2 && lane >= 16) return;
  float d[4] = {};
  convtape::CONVTAPE_GPU::mmaTf32(d, a, b);
  for (int i = 0; i < 4; ++i) y[(i < 2 ? group : group + 8) * 8 + inGroup * 2 + (i & 1)] = d[i];
}

__global__ void bf16Product(const float* x, float* y, int) {
  const int lane = static_cast<int>(threadIdx.x), group = lane >> 2, inGroup = lane % 4;
  if (lane >= 32) return;
  uint32_t a[4], b[2];
  for (int i = 0; i < 8; i += 2) {
    const int row = (i >= 0 && i < 2) || (i >= 4 && i < 6) ? group : group + 8, column = inGroup * 2 + (i < 4 ? 0 : 8);
    a[i / 2] = convtape::CONVTAPE_GPU::packBf16(x[0] * static_cast<float>(elementOfA(row, column)),
                                                static_cast<float>(elementOfA(row, column + 1)));
  }
  for (int i = 0; i < 4; i += 2) {
    const int row = inGroup * 2 + (i < 2 ? 0 : 8);
    b[i / 2] = convtape::CONVTAPE_GPU::packBf16(static_cast<float>(elementOfB(row, group)), static_cast<float>(elementOfB(row + 1, group)));
  }
  float d[4] = {};
  convtape::CONVTAPE_GPU::mmaBf16(d, a, b);
  for (int i = 0; i < 4; ++i) y[(i < 2 ? group : group + 8) * 8 + inGroup * 2 + (i & 1)] = d[i];
}

__global__ void scale(const float* x, float* y, float factor) { y[threadIdx.x] = x[threadIdx.x] * factor; }

}  // namespace

#define LAUNCHER_OF(kernel, threads)                                                                                                   \
  void kernel##Launch(cudaStream_t stream, const float* x, float* y, int fault, unsigned blocks) {                                     \
    convtape::CONVTAPE_GPU::launchKernel(#kernel, kernel, dim3(blocks), dim3(threads), kThreads * sizeof(float), stream, x, y, fault); \
  }
#define LAUNCHER(kernel) LAUNCHER_OF(kernel, kThreads)
LAUNCHER(reverse)
LAUNCHER(trailing)
LAUNCHER(divergent)
LAUNCHER(earlyExit)
LAUNCHER(divergentVote)
LAUNCHER(barrierBesideShuffle)
LAUNCHER(laneExit)
LAUNCHER(foreignMask)
LAUNCHER(foreignSource)
LAUNCHER(unequalMasks)
LAUNCHER(divergentWarp)
LAUNCHER(outOfBounds)
LAUNCHER(outOfBoundsWrite)
LAUNCHER(sharedOverrun)
LAUNCHER(sharedOverread)
LAUNCHER(uninitialisedShared)
LAUNCHER(uninitialisedGlobal)
LAUNCHER(withinWarp)
LAUNCHER(throughGlobal)
LAUNCHER(atomicAndPlain)
LAUNCHER(betweenBlocks)
LAUNCHER(asynchronous)
LAUNCHER(asynchronousOfFour)
LAUNCHER(tf32Product)
LAUNCHER(bf16Product)
LAUNCHER_OF(missingLane, 48)

void scaleLaunch(const char* name, cudaStream_t stream, const float* x, float* y) {
  convtape::CONVTAPE_GPU::launchKernel(name, scale, dim3(1), dim3(kThreads), 0, stream, x, y, 2.0f);
}

void shapedLaunch(cudaStream_t stream, const float* x, float* y, dim3 grid, dim3 block, size_t sharedBytes) {
  convtape::CONVTAPE_GPU::launchKernel("scale", scale, grid, block, sharedBytes, stream, x, y, 2.0f);
}
