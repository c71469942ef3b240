// All PTX there is, each instruction beside its meaning in the simulator: asynchronous copies to shared memory, tensor cores and the
// conversions of their operands. Tensor cores are for capability 8.0 and later; copies work everywhere.
#pragma once

#include <stdint.h>

#include "cuda/launch.cuh"
#ifdef CONVTAPE_SIMULATED
#include "simt/warp_matrix.h"
#endif

namespace convtape::CONVTAPE_GPU {

#if defined(CONVTAPE_SIMULATED) || !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
#define CONVTAPE_TENSOR_CORES 1
#endif
// Where three tf32 products are made for one of float32 (usesTf32x3 in gemm.cuh); for other cards these kernels are left empty, which
// spares a third of the compiler's time.
#if defined(CONVTAPE_SIMULATED) || !defined(__CUDA_ARCH__) || __CUDA_ARCH__ == 800 || __CUDA_ARCH__ == 900 || __CUDA_ARCH__ == 1000 || \
    __CUDA_ARCH__ == 1030
#define CONVTAPE_TF32X3 1
#endif

#ifndef CONVTAPE_SIMULATED
__device__ __forceinline__ unsigned sharedAddress(const void* p) { return static_cast<unsigned>(__cvta_generic_to_shared(p)); }
#endif

// Starts copying one float to shared memory, or a zero where `valid` does not hold (nothing is read then). Before capability 8.0 the
// copy is made on the spot.
__device__ __forceinline__ void copyAsync(float* to /* (1) */, const float* from /* (1) */, bool valid) {
#if defined(CONVTAPE_SIMULATED)
  simt::asyncCopy(to, from, 4, valid ? 4 : 0);
#elif defined(CONVTAPE_TENSOR_CORES)
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(sharedAddress(to)), "l"(from), "r"(valid ? 4 : 0));
#else
  *to = valid ? *from : 0.0f;
#endif
}

// The same of four floats; both addresses are multiples of 16.
__device__ __forceinline__ void copyAsync4(float* to /* (4) */, const float* from /* (4) */, bool valid) {
#if defined(CONVTAPE_SIMULATED)
  simt::asyncCopy(to, from, 16, valid ? 16 : 0);
#elif defined(CONVTAPE_TENSOR_CORES)
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(sharedAddress(to)), "l"(from), "r"(valid ? 16 : 0));
#else
  *reinterpret_cast<float4*>(to) = valid ? *reinterpret_cast<const float4*>(from) : make_float4(0, 0, 0, 0);
#endif
}

// Ends a group of the calling thread's copies.
__device__ __forceinline__ void commitCopies() {
#if defined(CONVTAPE_SIMULATED)
  simt::asyncCommit();
#elif defined(CONVTAPE_TENSOR_CORES)
  asm volatile("cp.async.commit_group;");
#endif
}

// Waits until all but the calling thread's latest kPending groups have arrived. Other threads see them after a barrier.
template <int kPending>
__device__ __forceinline__ void waitForCopies() {
#if defined(CONVTAPE_SIMULATED)
  simt::asyncWait(kPending);
#elif defined(CONVTAPE_TENSOR_CORES)
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
#endif
}

#ifdef CONVTAPE_TENSOR_CORES
// To 10 bits of mantissa, ties away from zero; beyond the largest number it becomes infinity.
__device__ __forceinline__ uint32_t toTf32(float x) {
#ifdef CONVTAPE_SIMULATED
  return simt::toTf32(x);
#else
  uint32_t r;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(r) : "f"(x));
  return r;
#endif
}

// Two numbers to 7 bits of mantissa, ties to even; `low` goes to the lower half.
__device__ __forceinline__ uint32_t packBf16(float low, float high) {
#ifdef CONVTAPE_SIMULATED
  return simt::packBf16(low, high);
#else
  uint32_t r;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
  return r;
#endif
}

// The warp's d (16×8) += a (16×8) · b (8×8), operands tf32. With g = lane / 4, q = lane % 4 a lane holds
//   a: (g, q), (g+8, q), (g, q+4), (g+8, q+4)   b: (q, g), (q+4, g)   d: (g, 2q), (g, 2q+1), (g+8, 2q), (g+8, 2q+1)
__device__ __forceinline__ void mmaTf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#ifdef CONVTAPE_SIMULATED
  simt::mmaTf32(SIMT_SITE, d, a, b);
#else
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

// The warp's d (16×8) += a (16×16) · b (16×8), operands bf16, two depths a register:
//   a: (g, 2q), (g+8, 2q), (g, 2q+8), (g+8, 2q+8)   b: (2q, g), (2q+8, g)   d: as above
__device__ __forceinline__ void mmaBf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#ifdef CONVTAPE_SIMULATED
  simt::mmaBf16(SIMT_SITE, d, a, b);
#else
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}
#endif

}  // namespace convtape::CONVTAPE_GPU
