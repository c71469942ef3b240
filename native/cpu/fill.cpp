#include "cpu/bf16.h"
#include "cpu/kernels.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

constexpr int64_t kGrain = 1 << 15;

template <class T>
void fill(T* y, int64_t count, T value) {
  parallelRanges(count, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) y[i] = value;
  });
}

// Nearest representable integer towards zero; 0 for NaN.
int64_t whole(double value, double low, double high) {
  return static_cast<int64_t>(value >= high ? high : value <= low ? low : value == value ? value : 0);
}

}  // namespace

void run(const Fill::Params& p, const Operands& o, Context&) {
  const Operand& y = o.out[0];
  if (y.dtype == DType::F32) return fill(y.f32(), p.count, static_cast<float>(p.value));
  if (y.dtype == DType::BF16) return fill(y.bf16(), p.count, toBf16(static_cast<float>(p.value)));
  if (y.dtype == DType::I32) return fill(y.i32(), p.count, static_cast<int32_t>(whole(p.value, -2147483648.0, 2147483647.0)));
  fill(y.u8(), p.count, static_cast<uint8_t>(whole(p.value, 0, 255)));
}

}  // namespace convtape::cpu::CONVTAPE_ISA
