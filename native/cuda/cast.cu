#include "cuda/cast.cuh"

namespace convtape::CONVTAPE_GPU {
namespace {

template <class From>
void castFrom(const From* x /* (count) */, const Operand& y, int64_t count, Context& context) {
  switch (y.dtype) {
    case DType::F32:
      return cast(x, y.f32(), count, context);
    case DType::I32:
      return cast(x, y.i32(), count, context);
    case DType::U8:
      return cast(x, y.u8(), count, context);
    case DType::BF16:
      return cast(x, y.bf16(), count, context);
  }
}

}  // namespace

void run(const Cast::Params& p, const Operands& o, Context& context) {
  if (p.count == 0) return;
  switch (o.in[0].dtype) {
    case DType::F32:
      return castFrom(o.in[0].f32(), o.out[0], p.count, context);
    case DType::I32:
      return castFrom(o.in[0].i32(), o.out[0], p.count, context);
    case DType::U8:
      return castFrom(o.in[0].u8(), o.out[0], p.count, context);
    case DType::BF16:
      return castFrom(o.in[0].bf16(), o.out[0], p.count, context);
  }
}

}  // namespace convtape::CONVTAPE_GPU
