// The kernels of faults.cu as plain functions.
#pragma once

#include <cuda_runtime.h>

constexpr unsigned kThreads = 64;
using Launcher = void(cudaStream_t stream, const float* x, float* y, int fault, unsigned blocks);
Launcher reverseLaunch, trailingLaunch, divergentLaunch, earlyExitLaunch, laneExitLaunch, foreignMaskLaunch, outOfBoundsLaunch,
    outOfBoundsWriteLaunch, sharedOverrunLaunch, uninitialisedSharedLaunch, betweenBlocksLaunch, asynchronousLaunch;
void scaleLaunch(const char* name, cudaStream_t stream, const float* x, float* y);
