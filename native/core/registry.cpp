#include "core/registry.h"

namespace convtape {

const OpInfo& opInfo(int op) {
#define CONVTAPE_ROW(Op) {Op::name},
  static const OpInfo table[] = {CONVTAPE_FOR_EACH_OP(CONVTAPE_ROW)};
#undef CONVTAPE_ROW
  return table[op];
}

}  // namespace convtape
