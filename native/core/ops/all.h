// The list of operators: one line each, the only place to add one. Its order is the operator's number.
#pragma once

#include "core/ops/argmax.h"
#include "core/ops/avg_pool2d.h"
#include "core/ops/bias_grad.h"
#include "core/ops/binary.h"
#include "core/ops/cast.h"
#include "core/ops/conv2d.h"
#include "core/ops/crop_images.h"
#include "core/ops/cross_entropy.h"
#include "core/ops/dropout.h"
#include "core/ops/fill.h"
#include "core/ops/local_response_norm.h"
#include "core/ops/matmul.h"
#include "core/ops/max_pool2d.h"
#include "core/ops/random.h"
#include "core/ops/reduce.h"
#include "core/ops/sgd.h"
#include "core/ops/softmax.h"
#include "core/ops/spatial_response_norm.h"
#include "core/ops/strided_copy.h"
#include "core/ops/top_k.h"
#include "core/ops/unary.h"

namespace convtape {

// clang-format off
#define CONVTAPE_FOR_EACH_OP(X) \
  X(Unary)                      \
  X(UnaryGrad)                  \
  X(Binary)                     \
  X(BinaryGrad)                 \
  X(Fill)                       \
  X(Random)                     \
  X(Reduce)                     \
  X(MaxGrad)                    \
  X(StridedCopy)                \
  X(TopK)                       \
  X(TopKGrad)                   \
  X(Argmax)                     \
  X(Cast)                       \
  X(Matmul)                     \
  X(Conv2d)                     \
  X(Conv2dGradInput)            \
  X(Conv2dGradWeight)           \
  X(BiasGrad)                   \
  X(LocalResponseNorm)          \
  X(LocalResponseNormGrad)      \
  X(SpatialResponseNorm)        \
  X(SpatialResponseNormGrad)    \
  X(MaxPool2d)                  \
  X(MaxPool2dGrad)              \
  X(AvgPool2d)                  \
  X(AvgPool2dGrad)              \
  X(Dropout)                    \
  X(Softmax)                    \
  X(SoftmaxGrad)                \
  X(CrossEntropy)               \
  X(CrossEntropyGrad)           \
  X(CropImages)                 \
  X(Sgd)
// clang-format on

enum class OpCode : int {
#define CONVTAPE_ENUM(Op) Op,
  CONVTAPE_FOR_EACH_OP(CONVTAPE_ENUM)
#undef CONVTAPE_ENUM
      Count
};

}  // namespace convtape
