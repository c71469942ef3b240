#include "core/precision.h"

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "core/error.h"

namespace convtape {
namespace {

constexpr const char* kNames[] = {"f32", "tf32", "bf16"};

std::atomic<Precision>& setting() {
  static std::atomic<Precision> value{precisionOf(std::getenv("CONVTAPE_PRECISION"))};
  return value;
}

}  // namespace

const char* nameOf(Precision precision) { return kNames[static_cast<int>(precision)]; }

Precision precisionOf(const char* name) {
  if (!name || !*name) return Precision::Float32;
  for (int i = 0; i < 3; ++i)
    if (std::strcmp(name, kNames[i]) == 0) return static_cast<Precision>(i);
  fail(ErrorKind::Range, "precision", "must be f32, tf32 or bf16, got '", name, "'");
}

Precision currentPrecision() { return setting(); }
void setPrecision(Precision precision) { setting() = precision; }

}  // namespace convtape
