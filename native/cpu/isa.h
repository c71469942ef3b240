#pragma once

#include <string>
#include <vector>

namespace convtape::cpu {

enum class Isa { Avx512, Avx2, Portable };

// Refuses a CONVTAPE_CPU_ISA that is unknown, or that this processor or this addon lacks.
Isa chooseIsa();
std::vector<std::string> compiledIsas();  // widest first
std::string processorName();

}  // namespace convtape::cpu
