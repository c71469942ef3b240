// Matrix products and the gradient of a bias.
#include <cmath>

#include "check/check.h"
#include "core/error.h"

namespace convtape::device_check {
namespace {

// half: b is bf16.
void product(Cases& cases, Matmul::Params p, bool bias = true, bool half = false) {
  const double flops = 2.0 * p.batch * p.m * p.n * p.k;
  const std::string shapes = str(p.batch, " × ", p.m, "×", p.k, " · ", p.k, "×", p.n, p.transposeA ? " ᵀ·" : "", p.transposeB ? " ·ᵀ" : "",
                                 bias ? " + bias" : "", p.relu ? ", ReLU" : "", half ? ", b bf16" : "");
  Case& c = cases.add<Matmul>(p, shapes);
  if (flops > 1e7) c.large();  // for the simulator
  const auto operand = [&](int64_t count) {
    // A single output must not be a difference of two like numbers: its own size would be no measure of its error.
    p.m* p.n == 1 ? c.uniform(count, 0.5f, 1) : c.normal(count);
  };
  operand(p.batch * p.m * p.k);
  if (half)
    c.halves(p.batch * p.k * p.n);
  else
    operand(p.batch * p.k * p.n);
  if (bias)
    operand(p.n);
  else
    c.none();
  c.output(p.batch * p.m * p.n).product(sums(p.k, p.batch * p.m * p.n)).flops(flops);
}

// Infinities, NaN and the largest numbers: each must do to its row or column what it does in float32, and nothing to the others.
void special(Cases& cases, int64_t m, int64_t n, int64_t k) {
  std::vector<float> a(static_cast<size_t>(m * k)), b(static_cast<size_t>(k * n));
  for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i % 7) - 3.25f;
  for (size_t i = 0; i < b.size(); ++i) b[i] = i % 3 == 0 ? 0.5f : static_cast<float>(i % 5) - 1.7f;  // some exact in tf32, some not
  a[static_cast<size_t>(k + 1)] = HUGE_VALF;
  a[static_cast<size_t>(3 * k + 2)] = -HUGE_VALF;
  a[static_cast<size_t>(4 * k)] = std::nanf("");
  b[static_cast<size_t>(2 * n + 1)] = -HUGE_VALF;
  Matmul::Params p = {1, m, n, k, false, false, false};
  cases.add<Matmul>(p, str(m, "×", k, " · ", k, "×", n, ", infinities and NaN")).values(a).values(b).none().output(m * n).product(1e-6);
  // 3.4e38 · 0.25: rounded to tf32 it would be infinite, so this is for float32's accuracy alone.
  a.assign(a.size(), 0.25f);
  b.assign(b.size(), 1e-3f);
  a[static_cast<size_t>(k)] = 3.4027e38f;
  cases.add<Matmul>(p, str(m, "×", k, " · ", k, "×", n, ", 3.4027e38")).values(a).values(b).none().output(m * n).product(1e-6).keepsRange();
}

}  // namespace

void matmulCases(Cases& cases) {
  for (const bool a : {false, true})
    for (const bool b : {false, true}) {
      product(cases, {1, 1, 1, 1, a, b, false});
      product(cases, {1, 5, 7, 3, a, b, true}, false);
      product(cases, {1, 64, 128, 16, a, b, false}, false);
      product(cases, {1, 70, 132, 36, a, b, true});
      product(cases, {3, 65, 9, 17, a, b, false});
      product(cases, {1, 20, 33, 1100, a, b, true});  // the depth in two parts
      product(cases, {2, 4, 4, 0, a, b, false});
      product(cases, {1, 1024, 1024, 1024, a, b, false});
      product(cases, {1, 1000, 999, 1001, a, b, true});
      product(cases, {1, 4096, 4096, 4096, a, b, false});
    }
  product(cases, {1, 3, 5, 10260, false, true, false});  // fewer parts than wanted: they are whole multiples of 64 deep
  product(cases, {0, 3, 4, 5, false, false, false}, false);
  product(cases, {1, 0, 4, 5, false, false, false});
  product(cases, {1, 256, 130, 9, false, true, true});  // tiles of 128 where there are as many as multiprocessors
  special(cases, 9, 11, 13);
  special(cases, 66, 70, 40);
  // AlexNet's fully-connected layers: forward, gradient towards weights, gradient towards input.
  for (const auto& [out, in] : {std::pair<int64_t, int64_t>{4096, 9216}, {4096, 4096}, {1000, 4096}}) {
    product(cases, {1, 128, out, in, false, true, true});
    product(cases, {1, out, in, 128, true, false, false}, false);
    product(cases, {1, 128, in, out, false, false, false}, false);
    product(cases, {1, 1, out, in, false, true, true});
    for (const int64_t rows : {1, 4, 128}) product(cases, {1, rows, out, in, false, true, true}, true, true);
  }
  // Weights in bf16: by a warp an output, in eights where they come out even, and made wide.
  for (const int64_t rows : {1, 2, 3, 4, 5, 70})
    for (const int64_t depth : {1, 8, 19, 264, 1100}) product(cases, {1, rows, 33, depth, false, true, rows % 2 == 1}, rows > 1, true);
  product(cases, {3, 2, 7, 40, false, true, false}, true, true);
  product(cases, {3, 9, 7, 40, false, true, false}, true, true);
  product(cases, {1, 2, 5, 0, false, true, false}, true, true);
  product(cases, {1, 0, 5, 8, false, true, false}, true, true);

  const auto bias = [&](BiasGrad::Params p) {
    for (const bool relu : {false, true}) {
      p.relu = relu;
      const int64_t count = p.outer * p.channels * p.inner;
      Case& c = cases.add<BiasGrad>(p, str(p.outer, "×", p.channels, "×", p.inner, relu ? ", relu" : ""));
      if (count > 100000) c.large();
      c.normal(count, 0.5);
      if (relu) c.normal(count);
      c.output(p.channels);
      if (relu) c.output(count);
      c.tolerance(1e-7);
    }
  };
  bias({1, 1, 1, false});
  bias({3, 5, 7, false});
  bias({2, 3, 1000, false});
  bias({130, 70, 1, false});
  bias({5, 33, 1, false});
  bias({1, 7, 1, false});
  bias({0, 4, 3, false});
  bias({128, 96, 3025, false});
  bias({128, 4096, 1, false});
}

}  // namespace convtape::device_check
