#pragma once

#include <cstddef>
#include <cstdint>

namespace convtape {

enum class DType : uint8_t { F32, I32, U8 };

constexpr size_t sizeOf(DType t) { return t == DType::U8 ? 1 : 4; }
constexpr const char* nameOf(DType t) { return t == DType::F32 ? "f32" : t == DType::I32 ? "i32" : "u8"; }

}  // namespace convtape
