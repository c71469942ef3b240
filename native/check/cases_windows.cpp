// Pooling and response normalisation.
#include <cmath>

#include "check/check.h"
#include "core/error.h"

namespace convtape::device_check {
namespace {

Window2d window(int64_t planes, int64_t height, int64_t width, int64_t kh, int64_t kw, int64_t sh, int64_t sw, int64_t ph, int64_t pw,
                bool ceil) {
  const auto outputs = [ceil](int64_t n, int64_t k, int64_t s, int64_t p) {
    int64_t out = (n + 2 * p - k + (ceil ? s - 1 : 0)) / s + 1;
    while (out > 1 && (out - 1) * s - p >= n) --out;  // the last window must begin inside
    return out;
  };
  return {planes, height, width, outputs(height, kh, sh, ph), outputs(width, kw, sw, pw), kh, kw, sh, sw, ph, pw};
}

Case& sized(Case& c, bool large) { return large ? c.large() : c; }

template <class Op>
typename Op::Params paramsOf(const Window2d& w) {
  typename Op::Params p;
  static_cast<Window2d&>(p) = w;
  return p;
}

std::vector<float> maps(int64_t count, int kinds) {
  const float odd[] = {NAN, -HUGE_VALF, HUGE_VALF, 0.0f, -0.0f, -1.0f};
  std::vector<float> x(static_cast<size_t>(count));
  uint32_t state = 12345;
  for (float& v : x) {
    state = state * 1664525u + 1013904223u;
    v = kinds ? odd[(state >> 16) % static_cast<uint32_t>(kinds)] : static_cast<float>(state >> 30);  // few values: many ties
  }
  return x;
}

void poolCases(Cases& cases, const Window2d& w, const std::string& name, bool large = false) {
  const int64_t in = w.planes * w.height * w.width, out = w.planes * w.outHeight * w.outWidth;
  const DType place = maxPoolIndexType(w);
  Case& forward = sized(cases.add<MaxPool2d>(paramsOf<MaxPool2d>(w), name), large).normal(in).output(out).output(out, place);
  sized(cases.add<MaxPool2dGrad>(paramsOf<MaxPool2dGrad>(w), name), large).normal(out).from(forward, 1).output(in);
  sized(cases.add<AvgPool2d>(paramsOf<AvgPool2d>(w), name), large).normal(in).output(out).tolerance(1e-6);
  sized(cases.add<AvgPool2dGrad>(paramsOf<AvgPool2dGrad>(w), name), large).normal(out).output(in).tolerance(1e-6);
  if (large) return;
  Case& ties = cases.add<MaxPool2d>(paramsOf<MaxPool2d>(w), name + ", ties").values(maps(in, 0)).output(out).output(out, place);
  cases.add<MaxPool2dGrad>(paramsOf<MaxPool2dGrad>(w), name + ", ties").normal(out).from(ties, 1).output(in);
  for (const int kinds : {2, 6})
    cases.add<MaxPool2d>(paramsOf<MaxPool2d>(w), str(name, ", odd values ", kinds)).values(maps(in, kinds)).output(out).output(out, place);
}

void pools(Cases& cases) {
  poolCases(cases, window(3, 13, 13, 3, 3, 2, 2, 0, 0, false), "3×13×13, 3×3 / 2");
  poolCases(cases, window(2, 12, 15, 3, 3, 2, 2, 1, 1, false), "2×12×15, 3×3 / 2, padding 1");
  poolCases(cases, window(2, 8, 8, 3, 3, 2, 2, 0, 0, true), "2×8×8, 3×3 / 2, ceil");
  poolCases(cases, window(5, 10, 6, 2, 2, 2, 2, 0, 0, false), "5×10×6, 2×2 / 2");
  poolCases(cases, window(2, 9, 7, 2, 2, 2, 2, 1, 1, true), "2×9×7, 2×2 / 2, padding 1, ceil");
  poolCases(cases, window(1, 1, 1, 1, 1, 1, 1, 0, 0, false), "1×1×1, 1×1 / 1");
  poolCases(cases, window(2, 1, 40, 1, 5, 1, 3, 0, 2, true), "2×1×40, 1×5 / 1×3");
  poolCases(cases, window(2, 40, 1, 5, 1, 3, 1, 2, 0, false), "2×40×1, 5×1 / 3×1");
  poolCases(cases, window(2, 11, 9, 2, 3, 4, 5, 0, 1, false), "2×11×9, 2×3 / 4×5: gaps");
  poolCases(cases, window(1, 20, 20, 17, 16, 3, 2, 8, 7, false), "1×20×20, 17×16: places of 32 bits");
  poolCases(cases, window(1, 5, 5, 5, 5, 1, 1, 4, 4, false), "1×5×5, 5×5 / 1, padding 4");
  poolCases(cases, window(0, 5, 5, 3, 3, 1, 1, 0, 0, false), "no planes");
  poolCases(cases, window(128 * 96, 55, 55, 3, 3, 2, 2, 0, 0, false), "12288×55×55, 3×3 / 2", true);
  poolCases(cases, window(128 * 96, 54, 54, 2, 2, 2, 2, 0, 0, false), "12288×54×54, 2×2 / 2", true);
}

void lrnCases(Cases& cases, LocalResponseNorm::Params p, const std::string& name, bool large = false) {
  const int64_t count = p.outer * p.channels * p.pixels;
  LocalResponseNormGrad::Params q;
  static_cast<LocalResponseNorm::Params&>(q) = p;
  sized(cases.add<LocalResponseNorm>(p, name), large).normal(count, 0, 3).output(count).tolerance(1e-6);
  sized(cases.add<LocalResponseNormGrad>(q, name), large).normal(count).normal(count, 0, 3).output(count).tolerance(2e-6);
}

void spatialCases(Cases& cases, SpatialResponseNorm::Params p, const std::string& name, bool large = false) {
  const int64_t count = p.planes * p.height * p.width;
  SpatialResponseNormGrad::Params q;
  static_cast<SpatialResponseNorm::Params&>(q) = p;
  sized(cases.add<SpatialResponseNorm>(p, name), large).normal(count).output(count).tolerance(1e-6);
  sized(cases.add<SpatialResponseNormGrad>(q, name), large).normal(count).normal(count).output(count).tolerance(2e-6);
}

void norms(Cases& cases) {
  for (const float beta : {0.75f, 0.5f, 1.3f}) {
    // outer, channels, pixels, size, groups, alpha, beta, k
    lrnCases(cases, {2, 48, 25, 5, 1, 1e-2f, beta, 2}, str("2×48×25, 5, beta ", beta));
    lrnCases(cases, {2, 40, 16, 5, 2, 1e-2f, beta, 2}, str("2×40×16, 5, two groups, beta ", beta));
    lrnCases(cases, {1, 7, 9, 5, 7, 1, beta, 1}, str("1×7×9, 5, a group a channel, beta ", beta));
    lrnCases(cases, {3, 1, 5, 5, 1, 1, beta, 1}, str("3×1×5, 5, beta ", beta));
    lrnCases(cases, {1, 67, 3, 4, 1, 0.1f, beta, 1}, str("1×67×3, 4, beta ", beta));
    lrnCases(cases, {2, 10, 7, 3, 2, 0.1f, beta, 1}, str("2×10×7, 3, two groups, beta ", beta));
    lrnCases(cases, {1, 9, 4, 1, 1, 0.1f, beta, 1}, str("1×9×4, 1, beta ", beta));
    lrnCases(cases, {2, 6, 5, 1000, 2, 0.1f, beta, 1}, str("2×6×5, 1000, beta ", beta));
    // planes, height, width, size, alpha, beta, k
    spatialCases(cases, {3, 13, 13, 5, 0.1f, beta, 1}, str("3×13×13, 5, beta ", beta));
    spatialCases(cases, {2, 40, 37, 3, 0.1f, beta, 1}, str("2×40×37, 3, beta ", beta));
    spatialCases(cases, {2, 9, 33, 4, 0.1f, beta, 1}, str("2×9×33, 4, beta ", beta));
    spatialCases(cases, {5, 1, 1, 1, 0.1f, beta, 1}, str("5×1×1, 1, beta ", beta));
    spatialCases(cases, {1, 3, 50, 9, 0.1f, beta, 1}, str("1×3×50, 9, beta ", beta));
    spatialCases(cases, {1, 4, 5, int64_t{1} << 52, 0.1f, beta, 1}, str("1×4×5, 2^52, beta ", beta));
  }
  spatialCases(cases, {1, 40, 44, 71, 0.01f, 0.75f, 1}, "1×40×44, 71: beyond shared memory");
  lrnCases(cases, {0, 4, 9, 5, 1, 1, 0.75f, 1}, "nothing");
  spatialCases(cases, {0, 4, 9, 5, 1, 0.75f, 1}, "nothing");
  lrnCases(cases, {128, 96, 3025, 5, 2, 1e-4f, 0.75f, 2}, "128×96×55×55, 5, two groups", true);
  lrnCases(cases, {128, 256, 729, 5, 2, 1e-4f, 0.75f, 2}, "128×256×27×27, 5, two groups", true);
  spatialCases(cases, {128 * 96, 55, 55, 5, 1e-4f, 0.75f, 1}, "12288×55×55, 5", true);
}

}  // namespace

void windowsCases(Cases& cases) {
  pools(cases);
  norms(cases);
}

}  // namespace convtape::device_check
