#include "cpu/kernels.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

constexpr int64_t kWork = 1 << 14;  // elements a task looks at

// Whether element i of x goes before element j.
inline bool before(const float* x, int32_t i, int32_t j) {
  const float a = x[i], b = x[j];
  const bool aNaN = a != a, bNaN = b != b;
  if (aNaN | bNaN) return aNaN & bNaN ? i < j : aNaN;
  return a != b ? a > b : i < j;
}

// Restores a heap (its root goes after all others) whose root alone may be out of place.
inline void sink(const float* x, int32_t* heap, int64_t size) {
  const int32_t moving = heap[0];
  int64_t at = 0;
  for (int64_t child; (child = 2 * at + 1) < size; at = child) {
    if (child + 1 < size && before(x, heap[child], heap[child + 1])) ++child;
    if (!before(x, moving, heap[child])) break;
    heap[at] = heap[child];
  }
  heap[at] = moving;
}

inline void add(const float* x, int32_t* heap, int64_t size, int32_t index) {
  int64_t at = size;
  for (int64_t parent; at > 0 && before(x, heap[parent = (at - 1) / 2], index); at = parent) heap[at] = heap[parent];
  heap[at] = index;
}

// The k elements kept so far form a heap with the last of them at its root, so that most others cost one comparison.
void topK(const float* x, int64_t n, int64_t k, float* values, int32_t* indices) {
  for (int32_t i = 0; i < k; ++i) add(x, indices, i, i);
  for (int64_t i = k; i < n; ++i)
    if (!(x[i] <= x[indices[0]]) && before(x, static_cast<int32_t>(i), indices[0])) {
      indices[0] = static_cast<int32_t>(i);
      sink(x, indices, k);
    }
  for (int64_t last = k - 1; last > 0; --last) {
    const int32_t root = indices[0];
    indices[0] = indices[last];
    sink(x, indices, last);
    indices[last] = root;
  }
  for (int64_t i = 0; i < k; ++i) values[i] = x[indices[i]];
}

}  // namespace

void run(const TopK::Params& p, const Operands& o, Context&) {
  const float* x = o.in[0].f32();
  float* values = o.out[0].f32();
  int32_t* indices = o.out[1].i32();
  parallelRanges(p.rows, p.n < kWork ? kWork / p.n : 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) topK(x + r * p.n, p.n, p.k, values + r * p.k, indices + r * p.k);
  });
}

void run(const TopKGrad::Params& p, const Operands& o, Context&) {
  const float* dy = o.in[0].f32();
  const int32_t* indices = o.in[1].i32();
  float* dx = o.out[0].f32();
  for (int64_t i = 0; i < p.rows * p.k; ++i)
    if (indices[i] < 0 || indices[i] >= p.n)
      failf(ErrorKind::Range, "topK", "an index is outside its row; indices must not be overwritten before the gradient");
  parallelRanges(p.rows, p.n < kWork ? kWork / p.n : 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * p.n; i < end * p.n; ++i) dx[i] = 0;
    for (int64_t i = begin * p.k; i < end * p.k; ++i) dx[i / p.k * p.n + indices[i]] = dy[i];
  });
}

}  // namespace convtape::cpu::CONVTAPE_ISA
