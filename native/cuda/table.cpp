// The table of GPU kernels, by operator.
#include "cuda/kernels.h"

namespace convtape::CONVTAPE_GPU {
namespace {

template <class Op>
void thunk(const void* params, const Operands& operands, Context& context) {
  run(*static_cast<const typename Op::Params*>(params), operands, context);
}

}  // namespace

const KernelTable& kernels() {
#define CONVTAPE_ROW(Op) &thunk<Op>,
  static const KernelTable table = {{CONVTAPE_FOR_EACH_OP(CONVTAPE_ROW)}};
#undef CONVTAPE_ROW
  return table;
}

}  // namespace convtape::CONVTAPE_GPU
