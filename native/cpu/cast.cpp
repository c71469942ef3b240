#include "cpu/bf16.h"
#include "cpu/kernels.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

constexpr int64_t kGrain = 1 << 15;

template <class From, class To, class F>
void each(int64_t count, const From* x, To* y, F f) {
  // By value: y may point at bytes, and a store through it could then change whatever is held by reference.
  parallelRanges(count, kGrain, [x, y, f](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) y[i] = f(x[i]);
  });
}

// Function objects rather than functions, so that the loops are vectorised.
const auto same = [](auto x) { return x; };
const auto toF32 = [](auto x) { return static_cast<float>(x); };
const auto toI32 = [](float x) {
  // 2^31 − 128 is the largest float below 2^31.
  const float clipped = x < -2147483648.0f ? -2147483648.0f : x > 2147483520.0f ? 2147483520.0f : x;
  const int32_t whole = static_cast<int32_t>(x == x ? clipped : 0.0f);
  return x >= 2147483648.0f ? 2147483647 : whole;
};
const auto clip = [](int32_t x) { return static_cast<uint8_t>(x < 0 ? 0 : x > 255 ? 255 : x); };
const auto halved = [](auto x) { return toBf16(static_cast<float>(x)); };
const auto widened = [](Bf16 x) { return toFloat(x); };
const auto widenedToI32 = [](Bf16 x) { return toI32(toFloat(x)); };

float floatOf(float x) { return x; }
float floatOf(Bf16 x) { return toFloat(x); }

// In two loops, each of one width of number: GCC vectorises them apart, not together.
template <class From>
void floatsToBytes(int64_t count, const From* x, uint8_t* y) {
  parallelRanges(count, kGrain, [x, y](int64_t begin, int64_t end) {
    constexpr int64_t kBlock = 256;
    int32_t whole[kBlock];
    for (int64_t start = begin; start < end; start += kBlock) {
      const int64_t n = end - start < kBlock ? end - start : kBlock;
      for (int64_t i = 0; i < n; ++i) {
        const float v = floatOf(x[start + i]), low = v > 0.0f ? v : 0.0f;  // NaN is not above 0
        whole[i] = static_cast<int32_t>(low > 255.0f ? 255.0f : low);
      }
      for (int64_t i = 0; i < n; ++i) y[start + i] = static_cast<uint8_t>(whole[i]);
    }
  });
}

}  // namespace

void run(const Cast::Params& p, const Operands& o, Context&) {
  const Operand &x = o.in[0], &y = o.out[0];
  const int64_t n = p.count;
  switch (x.dtype) {
    case DType::F32:
      if (y.dtype == DType::F32) return each(n, x.f32(), y.f32(), same);
      if (y.dtype == DType::I32) return each(n, x.f32(), y.i32(), toI32);
      if (y.dtype == DType::BF16) return each(n, x.f32(), y.bf16(), halved);
      return floatsToBytes(n, x.f32(), y.u8());
    case DType::I32:
      if (y.dtype == DType::F32) return each(n, x.i32(), y.f32(), toF32);
      if (y.dtype == DType::I32) return each(n, x.i32(), y.i32(), same);
      if (y.dtype == DType::BF16) return each(n, x.i32(), y.bf16(), halved);
      return each(n, x.i32(), y.u8(), clip);
    case DType::U8:
      if (y.dtype == DType::F32) return each(n, x.u8(), y.f32(), toF32);
      if (y.dtype == DType::I32) return each(n, x.u8(), y.i32(), same);
      if (y.dtype == DType::BF16) return each(n, x.u8(), y.bf16(), halved);
      return each(n, x.u8(), y.u8(), same);
    case DType::BF16:
      if (y.dtype == DType::F32) return each(n, x.bf16(), y.f32(), widened);
      if (y.dtype == DType::I32) return each(n, x.bf16(), y.i32(), widenedToI32);
      if (y.dtype == DType::BF16) return each(n, x.bf16(), y.bf16(), same);
      return floatsToBytes(n, x.bf16(), y.u8());
  }
}

}  // namespace convtape::cpu::CONVTAPE_ISA
