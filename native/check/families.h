// The families of cases: native/check/cases_<family>.cpp each.
#pragma once

// clang-format off
#define CONVTAPE_FOR_EACH_FAMILY(X) \
  X(data)                           \
  X(update)                         \
  X(elementwise)                    \
  X(rows)                           \
  X(windows)                        \
  X(conv2d)                         \
  X(matmul)
// clang-format on
