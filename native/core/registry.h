// Facts about operators by number.
#pragma once

#include "core/ops/all.h"

namespace convtape {

struct OpInfo {
  const char* name;
};

const OpInfo& opInfo(int op);
constexpr int opCount() { return static_cast<int>(OpCode::Count); }

}  // namespace convtape
