// convtape_device_check: every GPU kernel against the CPU's kernel on the same operands, without Node. With the simulator (CMake target
// convtape_device_check_sim) or a GPU (convtape_device_check).
//
// To add cases: a file cases_<family>.cpp that defines
//
//   void <family>Cases(Cases& cases) {
//     Matmul::Params p{};
//     p.batch = 1, p.m = 3, p.n = 5, p.k = 7;
//     cases.add<Matmul>(p, "3×7 · 7×5").normal(21).normal(35).normal(5).output(15).tolerance(1e-6).flops(2.0 * 3 * 5 * 7);
//   }
//
// and the family's name in families.h. Inputs are given in the operator's order: normal, uniform, integers, bytes, halves, values, a result
// of another case (from), or none for an optional one; outputs likewise, `output` for one that is written whole, `updated` for one whose
// old values matter (the optimiser's weights, a copy into a part), `noOutput` for an optional one.
//   - tolerance(t): ‖gpu − cpu‖ / ‖cpu‖ of each float output is at most t. Without it, every bit must agree, the sign of zero too: right
//     for whatever moves data. Integers always must. NaN must be where the CPU has it.
//   - product(t): a tolerance for what matrix products compute, wider where the precision rounds their operands.
//     keepsRange(): left out where they are rounded, because a rounded operand would be infinite.
//   - flops(n): shown as GFLOP/s; without it the bytes of all operands are shown as GB/s. Either with its share of the peak, where the
//     driver names the clocks.
//   - failsWith("text"): both sides must fail, with a message that holds the text.
// Sizes: the simulator does about 20 million thread steps a second, so a case should stay below a few million multiplications; mark those
// that only a GPU can do in reasonable time with large(), before their operands, and the simulator leaves them out.
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/ops/all.h"

namespace convtape::device_check {

struct Buffer {
  DType dtype = DType::F32;
  int64_t count = 0;
  bool given = false;
  std::vector<unsigned char> bytes;  // the values; of a written output, what the CPU gave
};

class Case {
 public:
  Case& normal(int64_t count, float mean = 0, float deviation = 1);
  Case& uniform(int64_t count, float low, float high);  // [low, high)
  Case& integers(int64_t count, int32_t below);         // i32 in [0, below)
  Case& bytes(int64_t count);                           // u8, any
  Case& halves(int64_t count);                          // bf16, normal
  Case& values(const std::vector<float>& list);
  Case& values(const std::vector<int32_t>& list);
  Case& from(Case& forward, int output);  // what the CPU's kernel gives for that case
  Case& none();

  Case& output(int64_t count, DType dtype = DType::F32);
  Case& updated(int64_t count, DType dtype = DType::F32);
  Case& noOutput();

  Case& tolerance(double t) { return tolerance_ = t, *this; }
  Case& product(double t) { return tolerance_ = t, product_ = true, *this; }
  Case& keepsRange() { return keepsRange_ = true, *this; }
  Case& flops(double n) { return flops_ = n, *this; }
  Case& failsWith(const char* text) { return failure_ = text, *this; }
  Case& large() { return large_ = true, skipped_ = skipsLarge_, *this; }

 private:
  friend class Cases;
  friend class Runner;
  Case(int op, const char* name, std::string shapes, uint64_t seed) : op_(op), name_(name), shapes_(std::move(shapes)), seed_(seed) {}
  Buffer& input(DType dtype, int64_t count);
  Buffer& result(DType dtype, int64_t count);
  Buffer& add(std::vector<Buffer>& to, DType dtype, int64_t count);

  int op_;
  const char* name_;
  std::string shapes_;
  uint64_t seed_;
  alignas(8) unsigned char params_[384];
  void (*check_)(const void* params, const Operands& operands) = nullptr;
  std::vector<Buffer> in_, out_;
  std::vector<bool> keeps_;
  std::vector<std::pair<Case*, int>> sources_;  // of an input; null where it has values of its own
  double tolerance_ = 0, flops_ = 0;
  const char* failure_ = nullptr;
  bool large_ = false, skipsLarge_ = false, skipped_ = false, computed_ = false, product_ = false, keepsRange_ = false;
};

class Cases {
 public:
  // skipsLarge: large cases get no memory, because nobody will run them.
  Cases(uint64_t seed, bool skipsLarge) : seed_(seed), skipsLarge_(skipsLarge) {}

  // A case of operator Op. `shapes`: what a reader wants to know of the parameters, on one line.
  template <class Op>
  Case& add(const typename Op::Params& p, std::string shapes) {
    static_assert(sizeof p <= sizeof(Case::params_), "parameters are copied as bytes");
    Case& c = make(Op::name, std::move(shapes));
    std::memcpy(c.params_, &p, sizeof p);
    c.check_ = [](const void* params, const Operands& o) { Op::check(*static_cast<const typename Op::Params*>(params), o); };
    return c;
  }

 private:
  friend class Runner;
  Case& make(const char* name, std::string shapes);
  uint64_t seed_;
  bool skipsLarge_;
  std::deque<std::unique_ptr<Case>> all_;
};

// For Case::product, of so many sums of `depth` products: both sides add in float32, in orders of their own; an error of one rounding a
// term, in random directions, which are not yet evened out where there are few sums: one product by three of tf32 lacks up to 2^−22,
// 2.4e-7, of itself.
double sums(int64_t depth, int64_t count);

struct Options {
  std::string op;         // only this operator
  bool failures = false;  // only those that should fail, or do
  bool list = false;
  int64_t most = 0;             // only cases whose operands have together at most as many elements; 0: all
  int64_t parts = 0, part = 0;  // only every parts-th case, from this one on; 0: all
  uint64_t seed = 1;
  int repeat = 0;  // timed runs; 0: none with the simulator, twenty on a GPU
  int device = 0;
  int capability = 0;  // the kernels chosen as for a card of this compute capability (75, 80, …); 0: the device's own
};

int deviceCount();  // GPUs, or simulated devices
// Runs the cases of the library's families; prints a line for each. Whether all are right.
bool runCases(const Options& options);

}  // namespace convtape::device_check
