#pragma once

#include <string>

namespace convtape::cpu {

enum class Isa { Avx512, Avx2, Portable };

// Refuses a CONVTAPE_CPU_ISA that is unknown or that this processor lacks.
Isa chooseIsa();
std::string processorName();

}  // namespace convtape::cpu
