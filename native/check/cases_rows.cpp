// Reductions, copies, searches, softmax and the loss: what goes along an axis.
#include <cmath>

#include "check/check.h"
#include "core/error.h"

namespace convtape::device_check {
namespace {

// n floats of which few are distinct, so that most are ties; NaN and signed zeros among them where `odd`.
std::vector<float> fewValues(int64_t n, bool odd) {
  const float values[] = {0.0f, -0.0f, 1.0f, -1.0f, 2.0f, -HUGE_VALF, HUGE_VALF, NAN};
  std::vector<float> x(static_cast<size_t>(n));
  uint32_t state = 99;
  for (float& v : x) {
    state = state * 1664525u + 1013904223u;
    v = values[(state >> 16) % (odd ? 8 : 5)];
  }
  return x;
}

struct Reduced {
  const char* name;
  Dims shape, strides, reduced, reducedStrides;
  int64_t count;  // of x
};
const Reduced kReduced[] = {
    {"1", {0, {}}, {0, {}}, {1, {1}}, {1, {1}}, 1},
    {"nothing left out", {1, {50}}, {1, {1}}, {0, {}}, {0, {}}, 50},
    {"all of 1000", {0, {}}, {0, {}}, {1, {1000}}, {1, {1}}, 1000},
    {"all of 70001", {0, {}}, {0, {}}, {1, {70001}}, {1, {1}}, 70001},
    {"rows of 3", {1, {500}}, {1, {3}}, {1, {3}}, {1, {1}}, 1500},
    {"rows of 33", {1, {41}}, {1, {33}}, {1, {33}}, {1, {1}}, 41 * 33},
    {"rows of 9000", {1, {3}}, {1, {9000}}, {1, {9000}}, {1, {1}}, 27000},
    {"columns of 300×7", {1, {7}}, {1, {1}}, {1, {300}}, {1, {7}}, 2100},
    {"columns of 5×333", {1, {333}}, {1, {1}}, {1, {5}}, {1, {333}}, 5 * 333},
    {"columns of 9000×2", {1, {2}}, {1, {1}}, {1, {9000}}, {1, {2}}, 18000},
    {"maps of 4×6×5×5", {1, {6}}, {1, {25}}, {2, {4, 25}}, {2, {150, 1}}, 600},
    {"middle of 3×40×5", {2, {3, 5}}, {2, {200, 1}}, {1, {40}}, {1, {5}}, 600},
    {"rank 6", {3, {2, 3, 2}}, {3, {72, 12, 2}}, {3, {2, 3, 2}}, {3, {36, 4, 1}}, 144},
};

void reductions(Cases& cases) {
  for (const Reduced& r : kReduced) {
    const int64_t outputs = product("check", r.shape);
    for (int f = 0; f < 3; ++f) {
      const auto function = static_cast<Reduction>(f);
      Reduce::Params p{function, r.shape, r.strides, r.reduced, r.reducedStrides};
      Case& c = cases.add<Reduce>(p, str(kReductions[f], " ", r.name)).normal(r.count).output(outputs);
      if (function != Reduction::Max) c.tolerance(1e-7);
    }
    MaxGrad::Params g{r.shape, r.strides, r.reduced, r.reducedStrides};
    for (const bool odd : {false, true}) {
      Reduce::Params p{Reduction::Max, r.shape, r.strides, r.reduced, r.reducedStrides};
      Case& top = cases.add<Reduce>(p, str("max ", r.name, odd ? ", odd values" : ", ties"))
                      .values(fewValues(r.count, odd))
                      .output(outputs)
                      .tolerance(1e-30);
      cases.add<MaxGrad>(g, str(r.name, odd ? ", odd values" : ", ties"))
          .normal(outputs)
          .values(fewValues(r.count, odd))
          .from(top, 0)
          .output(r.count);
    }
  }
  const int64_t large = 1 << 25;
  cases.add<Reduce>({Reduction::Sum, {0, {}}, {0, {}}, {1, {large}}, {1, {1}}}, "sum of 2^25")
      .large()
      .normal(large)
      .output(1)
      .tolerance(1e-6);
  cases.add<Reduce>({Reduction::Sum, {1, {96}}, {1, {3025}}, {2, {128, 3025}}, {2, {96 * 3025, 1}}}, "sum of maps, 128×96×55×55")
      .large()
      .normal(128 * 96 * 3025)
      .output(96)
      .tolerance(1e-6);
}

struct Copied {
  const char* name;
  Dims shape, from, to;
  int64_t fromOffset, toOffset, fromCount, toCount;
};
const Copied kCopied[] = {
    {"1", {1, {1}}, {1, {1}}, {1, {1}}, 0, 0, 1, 1},
    {"1003", {1, {1003}}, {1, {1}}, {1, {1}}, 0, 0, 1003, 1003},
    {"4096", {1, {4096}}, {1, {1}}, {1, {1}}, 0, 0, 4096, 4096},
    {"a part, off by one", {2, {6, 8}}, {2, {9, 1}}, {2, {12, 1}}, 1, 3, 60, 80},
    {"a part, in fours", {2, {6, 8}}, {2, {16, 1}}, {2, {12, 1}}, 4, 8, 100, 80},
    {"broadcast rows", {2, {6, 8}}, {2, {0, 1}}, {2, {8, 1}}, 0, 0, 8, 48},
    {"broadcast columns", {2, {6, 8}}, {2, {1, 0}}, {2, {8, 1}}, 0, 0, 6, 48},
    {"every third", {1, {50}}, {1, {3}}, {1, {2}}, 2, 1, 150, 100},
    {"transpose 5×7", {2, {7, 5}}, {2, {1, 7}}, {2, {5, 1}}, 0, 0, 35, 35},
    {"transpose 65×33", {2, {33, 65}}, {2, {1, 33}}, {2, {65, 1}}, 0, 0, 65 * 33, 65 * 33},
    {"transpose 32×64", {2, {64, 32}}, {2, {1, 64}}, {2, {32, 1}}, 0, 0, 2048, 2048},
    {"transpose 3×2×9×10", {4, {10, 9, 2, 3}}, {4, {1, 10, 90, 180}}, {4, {54, 6, 3, 1}}, 0, 0, 540, 540},
    {"maps last, 2×6×5×4", {4, {2, 5, 4, 6}}, {4, {120, 4, 1, 20}}, {4, {120, 24, 6, 1}}, 0, 0, 240, 240},
    {"maps last, into a part", {4, {2, 5, 4, 6}}, {4, {120, 4, 1, 20}}, {4, {200, 40, 8, 1}}, 0, 2, 240, 400},
    {"nothing", {2, {0, 8}}, {2, {8, 1}}, {2, {8, 1}}, 0, 0, 3, 5},
};

void copies(Cases& cases) {
  for (const Copied& c : kCopied) {
    StridedCopy::Params p{c.shape, c.from, c.to, c.fromOffset, c.toOffset};
    cases.add<StridedCopy>(p, str(c.name, " f32")).normal(c.fromCount).updated(c.toCount);
    cases.add<StridedCopy>(p, str(c.name, " i32")).integers(c.fromCount, 1 << 30).updated(c.toCount, DType::I32);
    cases.add<StridedCopy>(p, str(c.name, " u8")).bytes(c.fromCount).updated(c.toCount, DType::U8);
    cases.add<StridedCopy>(p, str(c.name, " bf16")).halves(c.fromCount).updated(c.toCount, DType::BF16);
  }
  const int64_t n = 5000;
  cases.add<StridedCopy>({{1, {n * n}}, {1, {1}}, {1, {1}}, 0, 0}, "5000×5000").large().normal(n * n).updated(n * n);
  cases.add<StridedCopy>({{2, {n, n}}, {2, {1, n}}, {2, {n, 1}}, 0, 0}, "transpose 5000×5000").large().normal(n * n).updated(n * n);
}

void searches(Cases& cases) {
  struct Shape {
    int64_t outer, n, inner;
  };
  for (const Shape s :
       {Shape{1, 1, 1}, Shape{5, 7, 1}, Shape{3, 1000, 1}, Shape{1, 70001, 1}, Shape{2, 300, 5}, Shape{4, 3, 130}, Shape{0, 3, 2}}) {
    const int64_t in = s.outer * s.n * s.inner, out = s.outer * s.inner;
    const std::string name = str(s.outer, "×", s.n, "×", s.inner);
    cases.add<Argmax>({s.outer, s.n, s.inner}, name).normal(in).output(out, DType::I32);
    for (const bool odd : {false, true})
      cases.add<Argmax>({s.outer, s.n, s.inner}, name + (odd ? ", odd values" : ", ties"))
          .values(fewValues(in, odd))
          .output(out, DType::I32);
  }
  struct Rows {
    int64_t rows, n, k;
  };
  for (const Rows r : {Rows{1, 1, 1}, Rows{3, 10, 5}, Rows{2, 1000, 5}, Rows{4, 300, 16}, Rows{4, 300, 17}, Rows{2, 65, 65},
                       Rows{1, 4096, 100}, Rows{2, 5000, 40}, Rows{0, 5, 2}}) {
    const std::string name = str(r.rows, "×", r.n, ", k ", r.k);
    const int64_t in = r.rows * r.n, out = r.rows * r.k;
    Case& top = cases.add<TopK>({r.rows, r.n, r.k}, name).normal(in).output(out).output(out, DType::I32);
    for (const bool odd : {false, true})
      cases.add<TopK>({r.rows, r.n, r.k}, name + (odd ? ", odd values" : ", ties"))
          .values(fewValues(in, odd))
          .output(out)
          .output(out, DType::I32);
    TopKGrad::Params g;
    static_cast<TopK::Params&>(g) = {r.rows, r.n, r.k};
    cases.add<TopKGrad>(g, name).normal(out).from(top, 1).output(in);
  }
  TopKGrad::Params g;
  static_cast<TopK::Params&>(g) = {2, 4, 3};
  cases.add<TopKGrad>(g, "2×4, one index twice: the last counts").normal(6).values(std::vector<int32_t>{1, 3, 1, 0, 0, 0}).output(8);
  cases.add<TopKGrad>(g, "2×4, wrong index")
      .normal(6)
      .values(std::vector<int32_t>{1, 3, 2, 0, 4, 1})
      .output(8)
      .failsWith("outside its row");
  cases.add<TopK>({128, 1000, 5}, "128×1000, k 5").large().normal(128000).output(640).output(640, DType::I32);
}

void softmaxes(Cases& cases) {
  struct Shape {
    int64_t outer, axis, inner;
  };
  for (const Shape s : {Shape{1, 1, 1}, Shape{3, 7, 1}, Shape{5, 32, 1}, Shape{9, 33, 1}, Shape{3, 200, 1}, Shape{2, 700, 1},
                        Shape{2, 1000, 1}, Shape{1, 1025, 1}, Shape{2, 3000, 1}, Shape{2, 5, 3}, Shape{3, 17, 100}, Shape{0, 3, 1}})
    for (const bool log : {false, true}) {
      const int64_t n = s.outer * s.axis * s.inner;
      const std::string name = str(log ? "log " : "", s.outer, "×", s.axis, "×", s.inner);
      Case& y = cases.add<Softmax>({s.outer, s.axis, s.inner, log}, name).normal(n, 0, 3).output(n).tolerance(1e-6);
      cases.add<Softmax>({s.outer, s.axis, s.inner, log}, name + ", odd values").values(fewValues(n, true)).output(n).tolerance(1e-6);
      SoftmaxGrad::Params g;
      static_cast<Softmax::Params&>(g) = {s.outer, s.axis, s.inner, log};
      cases.add<SoftmaxGrad>(g, name).normal(n).from(y, 0).output(n).tolerance(1e-6);
    }
  const int64_t n = 16384 * 1000;
  cases.add<Softmax>({16384, 1000, 1, false}, "16384×1000").large().normal(n).output(n).tolerance(1e-6);
}

void losses(Cases& cases) {
  struct Shape {
    int64_t rows, classes;
  };
  for (const Shape s : {Shape{1, 1}, Shape{5, 7}, Shape{33, 10}, Shape{300, 3}, Shape{4, 1000}, Shape{3, 1500}})
    for (int r = 0; r < 3; ++r) {
      const auto reduction = static_cast<LossReduction>(r);
      const int64_t n = s.rows * s.classes, out = reduction == LossReduction::None ? s.rows : 1;
      const std::string name = str(s.rows, "×", s.classes, ", ", kLossReductions[r]);
      CrossEntropy::Params p{s.rows, s.classes, reduction};
      CrossEntropyGrad::Params g;
      static_cast<CrossEntropy::Params&>(g) = p;
      Case& loss = cases.add<CrossEntropy>(p, name)
                       .normal(n, 0, 2)
                       .integers(s.rows, static_cast<int32_t>(s.classes))
                       .output(out)
                       .output(2 * s.rows)
                       .tolerance(1e-6);
      cases.add<CrossEntropy>(p, name + ", no statistics")
          .normal(n)
          .integers(s.rows, static_cast<int32_t>(s.classes))
          .output(out)
          .noOutput()
          .tolerance(1e-6);
      cases.add<CrossEntropy>(p, name + ", odd values")
          .values(fewValues(n, true))
          .integers(s.rows, static_cast<int32_t>(s.classes))
          .output(out)
          .output(2 * s.rows)
          .tolerance(1e-6);
      cases.add<CrossEntropyGrad>(g, name)
          .normal(out)
          .normal(n, 0, 2)
          .integers(s.rows, static_cast<int32_t>(s.classes))
          .from(loss, 1)
          .output(n)
          .tolerance(1e-6);
    }
  std::vector<int32_t> labels(40, 0);
  labels[33] = -1;
  labels[17] = 9;
  labels[18] = 7;
  for (int r = 0; r < 3; ++r)
    cases.add<CrossEntropy>({40, 7, static_cast<LossReduction>(r)}, str("wrong labels, ", kLossReductions[r]))
        .normal(280)
        .values(labels)
        .output(r == 2 ? 40 : 1)
        .noOutput()
        .failsWith("crossEntropy: label 9 in row 17 is outside 0 … 6");
  const int64_t n = 128 * 1000;
  cases.add<CrossEntropy>({128, 1000, LossReduction::Mean}, "128×1000, mean")
      .large()
      .normal(n)
      .integers(128, 1000)
      .output(1)
      .output(256)
      .tolerance(1e-6);
}

}  // namespace

void rowsCases(Cases& cases) {
  reductions(cases);
  copies(cases);
  searches(cases);
  softmaxes(cases);
  losses(cases);
}

}  // namespace convtape::device_check
