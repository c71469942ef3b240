// Functions of one and two tensors, conversions, random numbers and dropout's mask.
#include <cmath>

#include "check/check.h"
#include "core/error.h"

namespace convtape::device_check {
namespace {

// What arithmetic treats specially: signed zeros, infinities, NaN, the ends of the range, subnormal numbers, ties of rounding.
const std::vector<float> kOdd = {
    0.0f,   -0.0f, 1.0f,          -1.0f,         HUGE_VALF,      -HUGE_VALF,     NAN,    3.4e38f, -3.4e38f, 1e-38f, 1e-42f, -1e-42f,
    88.7f,  89.5f, -87.3f,        -103.9f,       -105.0f,        0.5f,           1.5f,   2.5f,    -0.5f,    254.5f, 255.0f, 255.5f,
    256.0f, -1.5f, 2147483520.0f, 2147483648.0f, -2147483648.0f, -2147483904.0f, 0.624f, 0.626f,  1e-7f};

bool exact(UnaryFunction f) {
  return f == UnaryFunction::Relu || f == UnaryFunction::Neg || f == UnaryFunction::Sqrt || f == UnaryFunction::Square ||
         f == UnaryFunction::Abs;
}

void unaryCases(Cases& cases) {
  for (int f = 0; f < 9; ++f) {
    const auto function = static_cast<UnaryFunction>(f);
    const bool positive = function == UnaryFunction::Log || function == UnaryFunction::Sqrt;
    const double tolerance = exact(function) ? 0 : 1e-6;
    for (const int64_t count : {1, 3, 4, 5, 257, 4096, 70001}) {
      Unary::Params p{function, count};
      auto& y = cases.add<Unary>(p, str(kUnaryFunctions[f], " ", count));
      (positive ? y.uniform(count, 0.01f, 9) : y.normal(count, 0, 2)).output(count).tolerance(tolerance);
      if (count > 4096) continue;
      UnaryGrad::Params q;
      q.function = function;
      q.count = count;
      auto& g = cases.add<UnaryGrad>(q, str(kUnaryFunctions[f], " ", count)).normal(count);
      const bool fromY = f < 3 || function == UnaryFunction::Exp || function == UnaryFunction::Sqrt;
      (fromY ? g.from(y, 0) : positive ? g.uniform(count, 0.01f, 9) : g.normal(count)).output(count);
    }
    const int64_t odd = static_cast<int64_t>(kOdd.size());
    cases.add<Unary>({function, odd}, str(kUnaryFunctions[f], " odd values")).values(kOdd).output(odd).tolerance(tolerance);
    UnaryGrad::Params q;
    q.function = function;
    q.count = odd;
    cases.add<UnaryGrad>(q, str(kUnaryFunctions[f], " odd values")).normal(odd).values(kOdd).output(odd);
    cases.add<UnaryGrad>(q, str(kUnaryFunctions[f], " odd gradients")).values(kOdd).uniform(odd, 0.1f, 1).output(odd);
    cases.add<Unary>({function, 0}, str(kUnaryFunctions[f], " nothing")).normal(0).output(0);
    const int64_t large = 1 << 25;
    cases.add<Unary>({function, large}, str(kUnaryFunctions[f], " 2^25")).large().uniform(large, 0.1f, 2).output(large).tolerance(1e-6);
  }
}

struct Shapes {
  const char* name;
  Dims shape, a, b;
  int64_t aCount, bCount;
};
const Shapes kShapes[] = {
    {"1", {1, {1}}, {1, {1}}, {1, {1}}, 1, 1},
    {"scalars", {0, {}}, {0, {}}, {0, {}}, 1, 1},
    {"1003 and 1003", {1, {1003}}, {1, {1}}, {1, {1}}, 1003, 1003},
    {"4096 and 4096", {2, {64, 64}}, {2, {64, 1}}, {2, {64, 1}}, 4096, 4096},
    {"4096 and scalar", {1, {4096}}, {1, {1}}, {1, {0}}, 4096, 1},
    {"scalar and 77", {1, {77}}, {1, {0}}, {1, {1}}, 1, 77},
    {"scalar and scalar, to 40", {1, {40}}, {1, {0}}, {1, {0}}, 1, 1},
    {"33×48 and row", {2, {33, 48}}, {2, {48, 1}}, {2, {0, 1}}, 33 * 48, 48},
    {"33×50 and row", {2, {33, 50}}, {2, {50, 1}}, {2, {0, 1}}, 33 * 50, 50},
    {"33×48 and column", {2, {33, 48}}, {2, {48, 1}}, {2, {1, 0}}, 33 * 48, 33},
    {"column and row, to 31×20", {2, {31, 20}}, {2, {1, 0}}, {2, {0, 1}}, 31, 20},
    {"2×5×3×8 and channels", {4, {2, 5, 3, 8}}, {4, {120, 24, 8, 1}}, {4, {0, 1, 0, 0}}, 240, 5},
    {"2×5×3×7 and channels", {4, {2, 5, 3, 7}}, {4, {105, 21, 7, 1}}, {4, {0, 1, 0, 0}}, 210, 5},
    {"transposed 12×20", {2, {12, 20}}, {2, {1, 12}}, {2, {20, 1}}, 240, 240},
    {"rank 6", {6, {2, 3, 2, 3, 2, 3}}, {6, {1, 2, 6, 0, 12, 24}}, {6, {0, 18, 0, 6, 0, 2}}, 72, 53},
    {"rows at multiples of 4 but inner 3", {2, {5, 3}}, {2, {4, 1}}, {2, {4, 1}}, 20, 20},
    {"rows not at multiples of 4", {2, {5, 8}}, {2, {9, 1}}, {2, {8, 1}}, 44, 40},
    {"nothing", {2, {0, 3}}, {2, {3, 1}}, {2, {0, 1}}, 0, 3},
};

int64_t countOf(const Dims& shape) { return product("check", shape); }

void binaryCases(Cases& cases) {
  const int64_t odd = static_cast<int64_t>(kOdd.size());
  const Dims squareShape{2, {odd, odd}}, rows{2, {1, 0}}, columns{2, {0, 1}};
  for (int f = 0; f < 5; ++f) {
    const auto function = static_cast<BinaryFunction>(f);
    for (const Shapes& s : kShapes)
      cases.add<Binary>({function, s.shape, s.a, s.b}, str(kBinaryFunctions[f], " ", s.name))
          .normal(s.aCount)
          .normal(s.bCount)
          .output(countOf(s.shape));
    cases.add<Binary>({function, squareShape, rows, columns}, str(kBinaryFunctions[f], " odd values, each with each"))
        .values(kOdd)
        .values(kOdd)
        .output(odd * odd);
  }
  for (int f = 0; f < 3; ++f) {
    const auto partial = static_cast<BinaryPartial>(f);
    for (const Shapes& s : kShapes) {
      BinaryGrad::Params p{partial, s.shape, s.a, s.b};
      const int64_t n = countOf(s.shape);
      cases.add<BinaryGrad>(p, str(kBinaryPartials[f], " ", s.name)).normal(n).normal(s.aCount).normal(s.bCount).output(n);
    }
    cases.add<BinaryGrad>({partial, squareShape, rows, columns}, str(kBinaryPartials[f], " odd values, each with each"))
        .normal(odd * odd)
        .values(kOdd)
        .values(kOdd)
        .output(odd * odd);
  }
  const int64_t large = 1 << 25;
  cases.add<Binary>({BinaryFunction::Add, {1, {large}}, {1, {1}}, {1, {1}}}, "add 2^25").large().normal(large).normal(large).output(large);
  cases.add<Binary>({BinaryFunction::Add, {3, {128, 96, 3025}}, {3, {96 * 3025, 3025, 1}}, {3, {0, 1, 0}}}, "add channels, 128×96×55×55")
      .large()
      .normal(128 * 96 * 3025)
      .normal(96)
      .output(128 * 96 * 3025);
}

void castCases(Cases& cases) {
  const int64_t odd = static_cast<int64_t>(kOdd.size());
  for (const DType to : {DType::F32, DType::I32, DType::U8, DType::BF16}) {
    for (const int64_t count : {1, 4, 1001}) {
      cases.add<Cast>({count}, str("f32 to ", nameOf(to), " ", count)).normal(count, 100, 200).output(count, to);
      cases.add<Cast>({count}, str("i32 to ", nameOf(to), " ", count)).integers(count, 2147483647).output(count, to);
      cases.add<Cast>({count}, str("u8 to ", nameOf(to), " ", count)).bytes(count).output(count, to);
      cases.add<Cast>({count}, str("bf16 to ", nameOf(to), " ", count)).halves(count).output(count, to);
    }
    cases.add<Cast>({odd}, str("f32 to ", nameOf(to), " odd values")).values(kOdd).output(odd, to);
    const std::vector<int32_t> ints = {-2147483647 - 1, 2147483647, -1, 0, 255, 256, 16777217, -16777219};
    cases.add<Cast>({8}, str("i32 to ", nameOf(to), " odd values")).values(ints).output(8, to);
    cases.add<Cast>({0}, str("f32 to ", nameOf(to), " nothing")).normal(0).output(0, to);
  }
}

void randomCases(Cases& cases) {
  for (const int64_t count : {1, 2, 3, 4, 5, 1023, 70002})
    for (const int64_t seed : {int64_t{0}, int64_t{1} << 53}) {
      cases.add<Random>({Distribution::Normal, count, seed, 0.5f, 3}, str("normal ", count, ", seed ", seed)).output(count);
      cases.add<Random>({Distribution::Uniform, count, seed, -1, 2}, str("uniform ", count, ", seed ", seed)).output(count);
    }
  cases.add<Random>({Distribution::Uniform, 1000, 7, 0, 1e-45f}, "uniform, hardly any room").output(1000);
  cases.add<Random>({Distribution::Uniform, 1000, 7, -1, 0}, "uniform, up to 0").output(1000);
  cases.add<Random>({Distribution::Normal, 0, 7, 0, 1}, "nothing").output(0);
  cases.add<Random>({Distribution::Normal, 1 << 25, 7, 0, 1}, "normal 2^25").large().output(1 << 25);

  struct Rows {
    int64_t count, columns, pitch, offset;
  };
  for (const Rows r : {Rows{1, 1, 1, 0}, Rows{1000, 1000, 1000, 0}, Rows{1003, 100, 100, 0}, Rows{1003, 1003, 5000, 3},
                       Rows{96, 32, 64, 32}, Rows{93, 31, 64, 5}, Rows{64, 4, 8, 4}, Rows{90, 9, 9, 2}, Rows{50, 3, 100, 1},
                       Rows{200, 32, 33, 0}, Rows{70, 1, 7, 6}, Rows{0, 1, 1, 0}, Rows{70001, 70001, 70001, (int64_t{1} << 40) + 1}})
    for (const double keep : {0.5, 0.1, 1.0, 1e-12}) {
      Dropout::Params p{r.count, 12345678901, keep, 2, r.columns, r.pitch, r.offset};
      cases.add<Dropout>(p, str(r.count, " in ", r.columns, " of ", r.pitch, " from ", r.offset, ", keep ", keep))
          .normal(r.count)
          .output(r.count);
    }
  cases.add<Dropout>({7, 1, 0.5, 1, 7, 7, 0}, "odd values")
      .values(std::vector<float>{-0.0f, NAN, HUGE_VALF, -HUGE_VALF, 0.0f, -1.0f, 1e-42f})
      .output(7);
  cases.add<Dropout>({1 << 25, 1, 0.5, 2, 1 << 25, 1 << 25, 0}, "2^25").large().normal(1 << 25).output(1 << 25);
}

}  // namespace

void elementwiseCases(Cases& cases) {
  unaryCases(cases);
  binaryCases(cases);
  castCases(cases);
  randomCases(cases);
}

}  // namespace convtape::device_check
