// The CPU kernels, compiled once for each instruction set into a namespace of its own (CONVTAPE_ISA is that namespace's name).
// Every operator of core/ops/all.h has one `run` here; a missing one is a link error.
#pragma once

#include "core/operand.h"
#include "core/ops/all.h"
#include "cpu/context.h"

namespace convtape::cpu {

using KernelFn = void (*)(const void* params, const Operands& operands, Context& context);

struct KernelTable {
  const char* isa;
  KernelFn kernels[static_cast<int>(OpCode::Count)];
};

const KernelTable& kernelTableAvx512();
const KernelTable& kernelTableAvx2();
const KernelTable& kernelTablePortable();

#ifdef CONVTAPE_ISA
namespace CONVTAPE_ISA {

#define CONVTAPE_DECLARE(Op) void run(const Op::Params& p, const Operands& o, Context& context);
CONVTAPE_FOR_EACH_OP(CONVTAPE_DECLARE)
#undef CONVTAPE_DECLARE

// body(i) for every i in [0, tasks), on as many threads as are free. In this namespace so that each instruction set has its own copy.
template <class Body>
void parallelFor(int64_t tasks, Body& body) {
  Pool& pool = Pool::instance();
  pool.run(tasks, [](void* context, int64_t i, int) { (*static_cast<Body*>(context))(i); }, &body, pool.workers());
}

// body(i, worker) for every i in [0, tasks) on workers 0 … workers-1, so that each can have scratch memory of its own.
template <class Body>
void parallelForWorkers(int64_t tasks, int workers, Body& body) {
  Pool::instance().run(tasks, [](void* context, int64_t i, int worker) { (*static_cast<Body*>(context))(i, worker); }, &body, workers);
}

// body(begin, end) over [0, count) in pieces of `grain`, a length that must not depend on the number of threads.
template <class Body>
void parallelRanges(int64_t count, int64_t grain, Body&& body) {
  auto task = [&](int64_t i) {
    const int64_t begin = i * grain;
    body(begin, begin + grain < count ? begin + grain : count);
  };
  parallelFor((count + grain - 1) / grain, task);
}

}  // namespace CONVTAPE_ISA
#endif

}  // namespace convtape::cpu
