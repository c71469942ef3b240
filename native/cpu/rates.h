// What this machine can do at most, measured rather than looked up: the denominators of every "percent of peak" in benchmarks.
#pragma once

#include <cstddef>

namespace convtape::cpu {

// float32 operations a second (two a fused multiply-add) of `threads` threads together, each busy for `seconds` with independent
// multiply-adds in registers of the widest instruction set this processor has, whichever one the kernels use.
double fmaRate(int threads, double seconds);
const char* widestIsa();

enum class Traffic { Read, Write, Copy };

// Bytes a second between memory and `threads` threads, the best of `passes` over `bytes` (far more than the caches hold): read once,
// written past the caches, or copied past them, which counts the bytes read and the bytes written. 0 where the memory cannot be had. Twice
// `bytes` of memory stay taken, for the next call with the same threads and bytes.
double memoryRate(Traffic traffic, int threads, size_t bytes, int passes);

}  // namespace convtape::cpu
