// Operators whose GPU kernel is still missing: each fails by name when it is run. A kernel that lands takes its line out.
#include "core/error.h"
#include "cuda/kernels.h"

namespace convtape::CONVTAPE_GPU {

#define CONVTAPE_PENDING(Op) \
  void run(const Op::Params&, const Operands&, Context&) { failf(ErrorKind::Device, Op::name, "has no GPU kernel yet"); }

CONVTAPE_PENDING(Matmul)
CONVTAPE_PENDING(Conv2d)
CONVTAPE_PENDING(Conv2dGradInput)
CONVTAPE_PENDING(Conv2dGradWeight)
CONVTAPE_PENDING(BiasGrad)

}  // namespace convtape::CONVTAPE_GPU
