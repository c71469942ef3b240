// What arithmetic a GPU's convolutions and matrix products may use.
#pragma once

#include <cstdint>

namespace convtape {

// float32's accuracy (plain float32, or three tf32 products for one), or operands rounded to tf32 or bf16 with float32 sums.
enum class Precision : uint8_t { Float32, Tf32, Bf16 };

const char* nameOf(Precision precision);  // "f32", "tf32", "bf16"
Precision precisionOf(const char* name);  // refuses other names

// The setting that calls are queued with: CONVTAPE_PRECISION at first, f32 where that is not set.
Precision currentPrecision();
void setPrecision(Precision precision);

}  // namespace convtape
