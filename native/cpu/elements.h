// Loops over the elements of an output of floats that is written once, from its start to its end: a large one past the caches.
#pragma once

#include "cpu/kernels.h"
#include "cpu/vec.h"

#ifdef CONVTAPE_ISA
namespace convtape::cpu::CONVTAPE_ISA {

// Elements of one task: 64 KiB of each operand; of a large output 1 MiB, for the memory takes some time to follow a reader to a new place.
constexpr int64_t kElementGrain = 1 << 14;
constexpr int64_t kLargeGrain = 1 << 18;
static inline int64_t grainOf(int64_t count) { return isLarge(count) ? kLargeGrain : kElementGrain; }

// piece(begin, end, streams) over [0, count) in tasks; `streams`, a Constant, says whether the piece is to be streamed.
template <class Piece>
void forPieces(int64_t count, Piece&& piece) {
  const bool large = isLarge(count);
  parallelRanges(count, grainOf(count), [&](int64_t begin, int64_t end) {
    if (!large) return piece(begin, end, Constant<false>{});
    piece(begin, end, Constant<true>{});
    streamFence();
  });
}

// body(i, lanes) for the vectors of [0, count): it reads by lanes.load, and its only store is lanes.store(out + i, …).
template <class Body>
void forElements(const float* out, int64_t count, Body&& body) {
  forPieces(count, [&](int64_t begin, int64_t end, auto streams) { forOutputs<streams>(out, begin, end, body); });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
#endif
