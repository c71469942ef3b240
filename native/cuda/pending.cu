// Operators whose GPU kernel is still missing: each fails by name when it is run. A kernel that lands takes its line out.
#include "core/error.h"
#include "cuda/kernels.h"

namespace convtape::CONVTAPE_GPU {

#define CONVTAPE_PENDING(Op) \
  void run(const Op::Params&, const Operands&, Context&) { failf(ErrorKind::Device, Op::name, "has no GPU kernel yet"); }

CONVTAPE_PENDING(Unary)
CONVTAPE_PENDING(UnaryGrad)
CONVTAPE_PENDING(Binary)
CONVTAPE_PENDING(BinaryGrad)
CONVTAPE_PENDING(Random)
CONVTAPE_PENDING(Reduce)
CONVTAPE_PENDING(MaxGrad)
CONVTAPE_PENDING(StridedCopy)
CONVTAPE_PENDING(TopK)
CONVTAPE_PENDING(TopKGrad)
CONVTAPE_PENDING(Argmax)
CONVTAPE_PENDING(Cast)
CONVTAPE_PENDING(Matmul)
CONVTAPE_PENDING(Conv2d)
CONVTAPE_PENDING(Conv2dGradInput)
CONVTAPE_PENDING(Conv2dGradWeight)
CONVTAPE_PENDING(BiasGrad)
CONVTAPE_PENDING(LocalResponseNorm)
CONVTAPE_PENDING(LocalResponseNormGrad)
CONVTAPE_PENDING(SpatialResponseNorm)
CONVTAPE_PENDING(SpatialResponseNormGrad)
CONVTAPE_PENDING(MaxPool2d)
CONVTAPE_PENDING(MaxPool2dGrad)
CONVTAPE_PENDING(AvgPool2d)
CONVTAPE_PENDING(AvgPool2dGrad)
CONVTAPE_PENDING(Dropout)
CONVTAPE_PENDING(Softmax)
CONVTAPE_PENDING(SoftmaxGrad)
CONVTAPE_PENDING(CrossEntropy)
CONVTAPE_PENDING(CrossEntropyGrad)

}  // namespace convtape::CONVTAPE_GPU
