#include "cpu/kernels.h"
#include "cpu/phases.h"

namespace convtape::cpu::CONVTAPE_ISA {
namespace {

typedef uint8_t VecByte __attribute__((vector_size(kLanes)));

inline void storeIndex(uint8_t* p, VecI v, int n) {
  const VecByte bytes = __builtin_convertvector(v, VecByte);
  __builtin_memcpy(p, &bytes, static_cast<size_t>(n));
}
inline void storeIndex(int32_t* p, VecI v, int n) { __builtin_memcpy(p, &v, static_cast<size_t>(n) * 4); }

template <class Index>
void forward(const Window2d& p, const float* x, float* y, Index* index, Context& context) {
  const PhasedRow row(p);
  const Chunks chunks(p.planes);
  const int64_t ringFloats = RowRing::floats(p, row);
  const int64_t starts = (p.outWidth + kLanes - 1) / kLanes * kLanes;
  float* scratch = static_cast<float*>(context.scratch(static_cast<size_t>(chunks.tasks * ringFloats + starts) * sizeof(float)));
  // Column in the window of the first element that is not padding: it wins where all are −infinity.
  int32_t* firstColumn = reinterpret_cast<int32_t*>(scratch + chunks.tasks * ringFloats);
  for (int64_t j = 0; j < starts; ++j) {
    const int64_t start = j * p.strideWidth - p.paddingWidth;
    firstColumn[j] = static_cast<int32_t>(start < 0 ? -start : 0);
  }
  auto task = [&](int64_t t) {
    RowRing ring(p, row, scratch + t * ringFloats);
    ring.fill(-__builtin_inff());
    for (int64_t plane = chunks.begin(t); plane < chunks.end(t); ++plane) {
      ring.begin(x + plane * p.height * p.width);
      for (int64_t i = 0; i < p.outHeight; ++i) {
        const WindowRows rows(p, i);
        ring.need(rows);
        const int64_t out = (plane * p.outHeight + i) * p.outWidth;
        forVectors(0, p.outWidth, [&](int64_t j, auto lanes) {
          Vec best = splat(-__builtin_inff());
          VecI winner = loadInt(firstColumn + j) + static_cast<int32_t>((rows.first - rows.start) * p.kernelWidth);
          for (int64_t h = rows.first; h < rows.last; ++h) {
            const float* from = ring[h] + j;
            int32_t code = static_cast<int32_t>((h - rows.start) * p.kernelWidth);
            for (int64_t kw = 0; kw < p.kernelWidth; ++kw, ++code) {
              const Vec v = load(from + row.at(kw));
              const VecI wins = (v > best) | (v != v);
              best = wins ? v : best;
              winner = wins ? splatInt(code) : winner;
            }
          }
          lanes.store(y + out + j, best);
          if (index) storeIndex(index + out + j, winner, lanes.n);
        });
      }
    }
  };
  parallelFor(chunks.tasks, task);
}

template <class Index>
void backward(const Window2d& p, const float* dy, const Index* index, float* dx, Context& context) {
  const PhasedRow row(p);
  const Chunks chunks(p.planes);
  float* scratch = static_cast<float*>(context.scratch(static_cast<size_t>(chunks.tasks * row.floats()) * sizeof(float)));
  auto task = [&](int64_t t) {
    float* sums = scratch + t * row.floats();
    for (int64_t plane = chunks.begin(t); plane < chunks.end(t); ++plane)
      for (int64_t h = 0; h < p.height; ++h) {
        row.fill(sums, 0);
        const CoveringRows covering(p, h);
        for (int64_t i = covering.first; i < covering.last; ++i) {
          const int64_t out = (plane * p.outHeight + i) * p.outWidth;
          int32_t code = static_cast<int32_t>((h + p.paddingHeight - i * p.strideHeight) * p.kernelWidth);
          for (int64_t kw = 0; kw < p.kernelWidth; ++kw, ++code) {
            float* to = sums + row.at(kw);
            for (int64_t j = 0; j < p.outWidth; ++j) to[j] += index[out + j] == code ? dy[out + j] : 0;
          }
        }
        row.merge(sums, dx + (plane * p.height + h) * p.width);
      }
  };
  parallelFor(chunks.tasks, task);
}

}  // namespace

void run(const MaxPool2d::Params& p, const Operands& o, Context& context) {
  if (p.planes == 0) return;
  if (o.out[1].dtype == DType::I32)
    forward(p, o.in[0].f32(), o.out[0].f32(), o.out[1].i32(), context);
  else
    forward(p, o.in[0].f32(), o.out[0].f32(), o.out[1].u8(), context);
}

void run(const MaxPool2dGrad::Params& p, const Operands& o, Context& context) {
  if (p.planes == 0) return;
  if (o.in[1].dtype == DType::I32)
    backward(p, o.in[0].f32(), o.in[1].i32(), o.out[0].f32(), context);
  else
    backward(p, o.in[0].f32(), o.in[1].u8(), o.out[0].f32(), context);
}

}  // namespace convtape::cpu::CONVTAPE_ISA
