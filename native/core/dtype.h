#pragma once

#include <cstddef>
#include <cstdint>

namespace convtape {

enum class DType : uint8_t { F32, I32, U8, BF16 };

// The upper half of a float32: its sign, its exponent, and seven bits behind the point.
struct Bf16 {
  uint16_t bits;
};

constexpr size_t sizeOf(DType t) { return t == DType::U8 ? 1 : t == DType::BF16 ? 2 : 4; }
constexpr const char* nameOf(DType t) { return t == DType::F32 ? "f32" : t == DType::I32 ? "i32" : t == DType::U8 ? "u8" : "bf16"; }

}  // namespace convtape
