// The part of CUDA's runtime that native/cuda uses, over simulated devices and streams. In a namespace of its own, so that one program can
// hold the real runtime as well.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "simt/executor.h"

namespace simt {

enum class StreamPolicy {
  Eager,  // in the order of submission
  Lazy,   // only what something waits for, latest first
  Random  // any legal order
};

enum class PeerPolicy {
  Direct,
  Refused,
  OneWay,  // granted from a device to those of a higher number only
  Lying    // granted, and what is copied does not arrive
};

// From the environment: simt/settings.h.
struct RuntimeOptions {
  StreamPolicy streams = StreamPolicy::Random;
  PeerPolicy peers = PeerPolicy::Direct;
  size_t memoryBytes = size_t{1} << 30;
  size_t pinnedBytes = ~size_t{0};  // page-locked memory that can be had for a device
  int clockKHz = 0;                 // of units and memory, as the driver names it; 0: it names none
  long failAllocation = 0;          // the n-th cudaMalloc from now fails; 0: none does
  long failFree = 0;                // the same of cudaFree and cudaFreeHost
  int loseDevice = -1;
  long loseAt = 0;  // the kernel from which loseDevice is gone, counted from 1
};
RuntimeOptions& runtimeOptions();

struct Stream;
struct Event;

// `call`: the kernel and its arguments, copied as bytes; `invoke` runs it for one thread.
void launchKernel(const char* name, Stream* stream, Dim3 grid, Dim3 block, size_t sharedBytes, const void* call, size_t callBytes,
                  void (*invoke)(const void*));

// Memory that the project's allocator hands out and takes back is told to the shadow log in stream order, so that an access outside a
// tensor is found even inside memory that cudaMalloc gave.
void annotateAllocated(Stream* stream, void* p, size_t bytes);
void annotateReleased(Stream* stream, void* p, size_t bytes);

// The first rule broken on a device since it was last taken; empty where none was. Until then its later kernels do not run.
std::string takeFault(int device);
std::string faultOf(int device);  // without taking it

}  // namespace simt

namespace simt_runtime {

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorDevicesUnavailable = 46,
  cudaErrorInvalidDevice = 101,
  cudaErrorPeerAccessAlreadyEnabled = 704,
  cudaErrorLaunchFailure = 719,
  cudaErrorPeerAccessUnsupported = 217,
  cudaErrorNotReady = 600
};
enum cudaMemcpyKind { cudaMemcpyHostToHost, cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice, cudaMemcpyDefault };
enum cudaDeviceAttr { cudaDevAttrClockRate = 13, cudaDevAttrMemoryClockRate = 36, cudaDevAttrGlobalMemoryBusWidth = 37 };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
using cudaStream_t = simt::Stream*;
using cudaEvent_t = simt::Event*;
using cudaHostFn_t = void (*)(void*);
constexpr unsigned cudaStreamNonBlocking = 1, cudaEventBlockingSync = 1, cudaEventDisableTiming = 2;

struct cudaDeviceProp {
  char name[256];
  int major, minor;
  int multiProcessorCount;
  size_t totalGlobalMem;
  size_t sharedMemPerBlockOptin;
  int memoryBusWidth;
  int l2CacheSize;
};

const char* cudaGetErrorName(cudaError_t);
const char* cudaGetErrorString(cudaError_t);
cudaError_t cudaGetLastError();
cudaError_t cudaPeekAtLastError();
cudaError_t cudaGetDeviceCount(int*);
cudaError_t cudaGetDevice(int*);
cudaError_t cudaSetDevice(int);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp*, int);
cudaError_t cudaDeviceGetAttribute(int*, cudaDeviceAttr, int);
cudaError_t cudaMemGetInfo(size_t* free, size_t* total);
cudaError_t cudaMalloc(void**, size_t);
cudaError_t cudaFree(void*);
cudaError_t cudaMallocHost(void**, size_t);
cudaError_t cudaFreeHost(void*);
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t, cudaMemcpyKind, cudaStream_t);
cudaError_t cudaMemcpyPeerAsync(void* to, int toDevice, const void* from, int fromDevice, size_t, cudaStream_t);
cudaError_t cudaMemsetAsync(void*, int, size_t, cudaStream_t);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t*, unsigned);
cudaError_t cudaStreamDestroy(cudaStream_t);
cudaError_t cudaStreamSynchronize(cudaStream_t);
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned flags = 0);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t*, unsigned);
cudaError_t cudaEventDestroy(cudaEvent_t);
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t);
cudaError_t cudaEventSynchronize(cudaEvent_t);
cudaError_t cudaEventQuery(cudaEvent_t);
cudaError_t cudaLaunchHostFunc(cudaStream_t, cudaHostFn_t, void*);
cudaError_t cudaDeviceSynchronize();
cudaError_t cudaDeviceCanAccessPeer(int*, int device, int peer);
cudaError_t cudaDeviceEnablePeerAccess(int peer, unsigned flags);
template <class F>
cudaError_t cudaFuncSetAttribute(F*, cudaFuncAttribute, int) {
  return cudaSuccess;
}

}  // namespace simt_runtime

using namespace simt_runtime;
