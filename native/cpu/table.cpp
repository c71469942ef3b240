// One table of kernels an instruction set.
#include "cpu/kernels.h"

namespace convtape::cpu {
namespace CONVTAPE_ISA {
namespace {

template <class Op>
void thunk(const void* params, const Operands& operands, Context& context) {
  run(*static_cast<const typename Op::Params*>(params), operands, context);
}

}  // namespace

const KernelTable& table() {
#define CONVTAPE_STR2(x) #x
#define CONVTAPE_STR(x) CONVTAPE_STR2(x)
#define CONVTAPE_ROW(Op) &thunk<Op>,
  static const KernelTable t = {CONVTAPE_STR(CONVTAPE_ISA), {CONVTAPE_FOR_EACH_OP(CONVTAPE_ROW)}};
#undef CONVTAPE_ROW
  return t;
}

}  // namespace CONVTAPE_ISA

const KernelTable& CONVTAPE_ISA_TABLE() { return CONVTAPE_ISA::table(); }

}  // namespace convtape::cpu
