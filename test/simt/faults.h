// The kernels of faults.cu as plain functions.
#pragma once

#include <cuda_runtime.h>

constexpr unsigned kThreads = 64;
using Launcher = void(cudaStream_t stream, const float* x, float* y, int fault, unsigned blocks);
Launcher reverseLaunch, trailingLaunch, divergentLaunch, earlyExitLaunch, divergentVoteLaunch, barrierBesideShuffleLaunch, laneExitLaunch,
    foreignMaskLaunch, foreignSourceLaunch, unequalMasksLaunch, divergentWarpLaunch, outOfBoundsLaunch, outOfBoundsWriteLaunch,
    sharedOverrunLaunch, sharedOverreadLaunch, uninitialisedSharedLaunch, uninitialisedGlobalLaunch, withinWarpLaunch, throughGlobalLaunch,
    atomicAndPlainLaunch, betweenBlocksLaunch, asynchronousLaunch, asynchronousOfFourLaunch, tf32ProductLaunch, bf16ProductLaunch,
    missingLaneLaunch;

// Matrices for tensor cores: no row or column is like another.
constexpr int elementOfA(int row, int column) { return (row * 5 + column * 3) % 17 - 8; }
constexpr int elementOfB(int row, int column) { return (row * 7 + column * 11) % 13 - 6; }
void scaleLaunch(const char* name, cudaStream_t stream, const float* x, float* y);
void shapedLaunch(cudaStream_t stream, const float* x, float* y, dim3 grid, dim3 block, size_t sharedBytes);
