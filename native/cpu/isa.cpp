#include "cpu/isa.h"

#include <cstdlib>
#include <fstream>

#include "core/error.h"

namespace convtape::cpu {
namespace {

// What this file was compiled with (CONVTAPE_ISAS in CMakeLists.txt).
bool compiled(Isa isa) {
#if defined(CONVTAPE_AVX512)
  if (isa == Isa::Avx512) return true;
#endif
#if defined(CONVTAPE_AVX2)
  if (isa == Isa::Avx2) return true;
#endif
#if defined(CONVTAPE_PORTABLE)
  if (isa == Isa::Portable) return true;
#endif
  return false;
}

bool has(Isa isa) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (isa == Isa::Avx2) return avx2;
  if (isa == Isa::Avx512)
    return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
#endif
  return isa == Isa::Portable;
}

}  // namespace

Isa chooseIsa() {
  const char* wish = std::getenv("CONVTAPE_CPU_ISA");
  if (!wish || !*wish) {
    for (const Isa isa : {Isa::Avx512, Isa::Avx2, Isa::Portable})
      if (has(isa) && compiled(isa)) return isa;
    fail(ErrorKind::Range, "convtape", "was compiled for another processor than this; npm run build compiles it for all");
  }
  const std::string name = wish;
  if (name != "avx512" && name != "avx2" && name != "portable")
    fail(ErrorKind::Range, "CONVTAPE_CPU_ISA", "must be avx512, avx2 or portable, got '", name, "'");
  const Isa isa = name == "avx512" ? Isa::Avx512 : name == "avx2" ? Isa::Avx2 : Isa::Portable;
  if (!has(isa)) fail(ErrorKind::Range, "CONVTAPE_CPU_ISA", "this processor does not have ", name);
  if (!compiled(isa))
    fail(ErrorKind::Range, "CONVTAPE_CPU_ISA", name, " is not in this addon, which was compiled for one processor; npm run build adds it");
  return isa;
}

std::vector<std::string> compiledIsas() {
  std::vector<std::string> names;
  for (const Isa isa : {Isa::Avx512, Isa::Avx2, Isa::Portable})
    if (compiled(isa)) names.push_back(isa == Isa::Avx512 ? "avx512" : isa == Isa::Avx2 ? "avx2" : "portable");
  return names;
}

std::string processorName() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  return "CPU";
}

}  // namespace convtape::cpu
