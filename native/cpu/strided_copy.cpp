#include <cstring>

#include "cpu/kernels.h"
#include "cpu/strided.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

constexpr int64_t kGrain = 1 << 14;

template <class T>
void copy(const StridedCopy::Params& p, const T* from, T* to) {
  const Walk<2> w = makeWalk<2>(p.shape, {p.fromStrides, p.toStrides});
  const int64_t sf = w.innerStride(0), st = w.innerStride(1);
  parallelRanges(w.count(), kGrain, [&](int64_t begin, int64_t end) {
    forRows(w, begin, end, [&](int64_t, const int64_t* at, int64_t n) {
      const T* f = from + at[0];
      T* t = to + at[1];
      if (st != 1 || sf > 1) {
        for (int64_t i = 0; i < n; ++i) t[i * st] = f[i * sf];
      } else if (sf == 1) {
        std::memmove(t, f, static_cast<size_t>(n) * sizeof(T));
      } else {
        const T value = *f;
        for (int64_t i = 0; i < n; ++i) t[i] = value;
      }
    });
  });
}

}  // namespace

void run(const StridedCopy::Params& p, const Operands& o, Context&) {
  if (o.in[0].dtype == DType::U8) return copy(p, o.in[0].u8() + p.fromOffset, o.out[0].u8() + p.toOffset);
  copy(p, o.in[0].i32() + p.fromOffset, o.out[0].i32() + p.toOffset);
}

}  // namespace convtape::cpu::CONVTAPE_ISA
