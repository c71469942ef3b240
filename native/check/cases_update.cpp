// The optimiser's update, and fills.
#include "check/check.h"
#include "core/error.h"

namespace convtape::device_check {

void updateCases(Cases& cases) {
  for (const int64_t count : {1, 31, 32, 33, 1000, 4097}) {
    Sgd::Params p{count, 0.01, 0.9, 0.0005};
    cases.add<Sgd>(p, str(count, ", momentum 0.9, decay 0.0005")).normal(count).updated(count).updated(count);
  }
  cases.add<Sgd>({777, 1, 0, 0}, "777, plain").normal(777).updated(777).updated(777);
  cases.add<Sgd>({int64_t{1} << 25, 0.01, 0.9, 0.0005}, "2^25").large().normal(1 << 25).updated(1 << 25).updated(1 << 25);

  for (const int64_t count : {1, 255, 4097}) {
    for (const double value : {-0.0, 1.5, 1e300, -3e9}) {
      const std::string shapes = str(count, " × ", value);
      cases.add<Fill>({count, value}, shapes + " f32").output(count);
      cases.add<Fill>({count, value}, shapes + " i32").output(count, DType::I32);
      cases.add<Fill>({count, value}, shapes + " u8").output(count, DType::U8);
      cases.add<Fill>({count, value}, shapes + " bf16").output(count, DType::BF16);
    }
  }
  cases.add<Fill>({3, __builtin_nan("")}, "3 × NaN f32").output(3);
  cases.add<Fill>({3, __builtin_nan("")}, "3 × NaN i32").output(3, DType::I32);
  cases.add<Fill>({0, 1}, "nothing").output(0);
}

}  // namespace convtape::device_check
