// The GPU kernels: one `run` an operator of core/ops/all.h, in native/cuda/<operator>.cu. Each file is compiled twice, by nvcc with
// CONVTAPE_GPU=cuda and for the simulator with CONVTAPE_GPU=sim, and CONVTAPE_GPU is the namespace it lives in.
//
//   void run(const Op::Params& p, const Operands& o, Context& context)
//
// queues kernels on context.stream and returns; it never waits. Operands were checked by Op::check before. In these files:
// - launches go through context.launch alone, shared memory through CONVTAPE_SHARED alone, PTX through mma.cuh alone;
// - nothing of std:: that is an inline function or a template with code (the simulator's compilation is instrumented, and the linker
//   would keep the instrumented copy for the whole addon); plain structs, failf and <cstdint> are fine;
// - a·b + c is rounded twice unless written as fmaf(a, b, c): both compilers are told not to contract, so that the simulator's numbers
//   are the card's;
// - no float atomics, and no sum whose order depends on the number of multiprocessors: the same seed gives the same bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/operand.h"
#include "core/ops/all.h"
#include "core/precision.h"
#include "cuda/launch.cuh"

#ifndef CONVTAPE_GPU
#error "CONVTAPE_GPU must be cuda or sim"
#endif

namespace convtape::CONVTAPE_GPU {

// What a kernel found wrong in its operands' values: kNoReport where it found nothing, else the lowest place << 32 | the value there, so
// that the same one is named on every run. See report.cuh.
using Report = unsigned long long;
constexpr Report kNoReport = ~Report{0};
using Describe = void (*)(const void* params, long long place, int value, char* text, size_t size);

// What a kernel may use besides its operands.
class Context {
 public:
  cudaStream_t stream = nullptr;
  int device = 0;
  const char* op = "";            // the operator that runs, for messages
  int multiprocessors = 1;        // for the size of a grid, never for the order of a sum
  int capability = 75;            // compute capability, 10 · major + minor
  size_t sharedLimit = 48 << 10;  // most bytes of shared memory a block may ask for
  Precision precision = Precision::Float32;

  // Device memory until the call's kernels have run: 256-byte aligned, uninitialised. Several calls give several pieces.
  template <class T>
  T* scratch(size_t count) {
    return static_cast<T*>(scratchBytes(count * sizeof(T)));
  }

  // For operators that can meet a wrong value (a label out of range): where their kernels report it. The error's text, without the
  // operator's name, is what `describe(params, place, value, text, size)` writes. The runtime reads it when the stream has come here.
  template <class Params>
  Report* report(const Params& params, Describe describe) {
    return reportTo(&params, sizeof params, describe);
  }

  // kernel(arguments…) over the grid; nothing where the grid is empty. `name` is what faults and failures name.
  template <class... Params, class... Args>
  void launch(const char* name, void (*kernel)(Params...), dim3 grid, dim3 block, size_t sharedBytes, Args... args) {
    if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
    launching(name);
    launchKernel(name, kernel, grid, block, sharedBytes, stream, args...);
    launched(name);
  }

 protected:
  ~Context() = default;
  virtual void* scratchBytes(size_t bytes) = 0;
  virtual Report* reportTo(const void* params, size_t bytes, Describe describe) = 0;
  virtual void launching(const char*) {}  // before it, since its fault may be noticed on another thread at once
  void launched(const char* name);        // throws where the launch failed (context.cpp)
};

#define CONVTAPE_DECLARE(Op) void run(const Op::Params& p, const Operands& o, Context& context);
CONVTAPE_FOR_EACH_OP(CONVTAPE_DECLARE)
#undef CONVTAPE_DECLARE

// Blocks of `threads` for one thread an element, capped: kernels walk the rest with a stride of the whole grid. A number that depends
// on the problem alone.
inline dim3 blocksFor(int64_t count, int threads, int64_t most = 1 << 16) {
  const int64_t blocks = (count + threads - 1) / threads;
  return dim3(static_cast<unsigned>(blocks < most ? blocks : most));
}

using KernelFn = void (*)(const void* params, const Operands& operands, Context& context);
struct KernelTable {
  KernelFn kernels[static_cast<int>(OpCode::Count)];
};
const KernelTable& kernels();

// Throws where a call of the runtime's failed: the operator or what was tried, and CUDA's own text.
void check(cudaError_t status, const char* op, const char* call);
// For calls whose failure the caller deals with: hands it on, and the next launch does not find it.
cudaError_t cleared(cudaError_t status) noexcept;
void throwReport(const char* op, const void* params, Report report, Describe describe);  // nothing where there is no report

}  // namespace convtape::CONVTAPE_GPU
