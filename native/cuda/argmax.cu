// Where the largest element is: 4 bytes moved an element. Value and place make one integer, whose least is the first of the largest, so
// the result does not depend on the order in which the elements are met.
#include "cuda/order.cuh"
#include "cuda/reduce.cuh"

namespace convtape::CONVTAPE_GPU {
namespace {

struct FirstOfLargest {
  using Acc = uint64_t;
  __device__ uint64_t start() const { return ~uint64_t{0}; }
  __device__ uint64_t element(float x, int64_t, int64_t place) const { return descendingKey(x, static_cast<uint32_t>(place)); }
  __device__ uint64_t join(uint64_t a, uint64_t b) const { return a < b ? a : b; }
  __device__ int32_t finish(uint64_t key) const { return static_cast<int32_t>(placeOf(key)); }
};

}  // namespace

void run(const Argmax::Params& p, const Operands& o, Context& context) {
  if (p.outer * p.inner == 0) return;
  const Dims shape{2, {p.outer, p.inner}}, strides{2, {p.n * p.inner, 1}};
  const Axes<1> kept(shape, {&strides}), reduced(p.n, p.inner);
  reduceStrided("argmax", kept, reduced, o.in[0].f32(), o.out[0].i32(), FirstOfLargest{}, context);
}

}  // namespace convtape::CONVTAPE_GPU
